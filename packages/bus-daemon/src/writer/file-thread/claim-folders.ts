import { renameSync } from 'node:fs';
import { lookInto } from './look-into.js';
import { type ClaimOrder, type ClaimResult, plainError } from './orders.js';

/**
 * About how many files of claimed jobs to hold. Facts about each stay in memory until its job has
 * settled: a few kilobytes.
 */
export const maxFiles = 1000;

/**
 * About how many bytes of claimed jobs to hold. Claimed jobs precede later ones, so they must not
 * take long.
 */
const maxBytes = 256 * 1024 * 1024;

/**
 * Moves jobs out of the inbox and lists their files. Once the claimed jobs hold this much, the rest
 * is left for later.
 */
export function claimFolders(orders: readonly ClaimOrder[]): ClaimResult[] {
  let files = 0;
  let bytes = 0;
  return orders.map(order => {
    if (files >= maxFiles || bytes >= maxBytes) return 'left';
    const result = claimFolder(order);
    if ('error' in result) return result;
    files += result.files?.length ?? 0;
    for (const [, info] of result.files ?? []) bytes += info.bytes;
    return result;
  });
}

function claimFolder({ from, fromIsBase64, folder }: ClaimOrder): Exclude<ClaimResult, 'left'> {
  try {
    renameSync(fromIsBase64 ? Buffer.from(from, 'base64') : from, folder);
  } catch (error) {
    return { error: plainError(error) };
  }
  return lookInto(folder);
}

import { renameSync } from 'node:fs';
import { lookInto } from './look-into.js';
import { type ClaimOrder, type ClaimResult, plainError } from './orders.js';

/**
 * Files of jobs that are worked on together, about. What is known of each is in memory until its
 * job has settled: some kilobytes.
 */
export const mostFiles = 1000;

/**
 * Bytes of such jobs, about. What is claimed is worked on before what comes after it, so it must
 * not take long.
 */
const mostBytes = 256 * 1024 * 1024;

/**
 * Takes jobs out of the inbox and says what lies in them. When those that were taken hold this
 * much, the rest is left for another time.
 */
export function claimFolders(orders: readonly ClaimOrder[]): ClaimResult[] {
  let files = 0;
  let bytes = 0;
  return orders.map(order => {
    if (files >= mostFiles || bytes >= mostBytes) return 'left';
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

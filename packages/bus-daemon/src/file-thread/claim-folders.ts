import { renameSync } from 'node:fs';
import { lookInto } from './look-into.js';
import { type ClaimOrder, type ClaimResult, plainError } from './orders.js';

/** Files of jobs that are worked on together, about. What is known of each is in memory until its job has settled: some kilobytes. */
export const mostFiles = 1000;

/** Takes jobs out of the inbox and says what lies in them. When there are this many files in those that were taken, the rest is left for another time. */
export function claimFolders(orders: readonly ClaimOrder[]): ClaimResult[] {
  let files = 0;
  return orders.map(order => {
    if (files >= mostFiles) return 'left';
    const result = claimFolder(order);
    if (!('error' in result)) files += result.files?.length ?? 0;
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

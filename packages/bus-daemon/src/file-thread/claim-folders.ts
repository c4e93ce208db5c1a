import { renameSync } from 'node:fs';
import { lookInto } from './look-into.js';
import { type ClaimOrder, type ClaimResult, plainError } from './orders.js';

/** Takes jobs out of the inbox and says what lies in them. */
export const claimFolders = (orders: readonly ClaimOrder[]): ClaimResult[] => orders.map(claimFolder);

function claimFolder({ from, fromIsBase64, folder }: ClaimOrder): ClaimResult {
  try {
    renameSync(fromIsBase64 ? Buffer.from(from, 'base64') : from, folder);
  } catch (error) {
    return { error: plainError(error) };
  }
  return lookInto(folder);
}

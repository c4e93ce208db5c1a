import { renameSync } from 'node:fs';
import { fileNames, inFolder, readSmallFile, stagedMark } from '@quantbot/infra/files';
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
  return { files: lookInto(folder), staged: isStaged(folder) };
}

/** What COMMIT says; undefined where that cannot be read, which verification looks at closer. */
function isStaged(folder: string): boolean | undefined {
  try {
    const mark = readSmallFile(inFolder(folder, fileNames.commit), stagedMark.length);
    return mark.toString('latin1') === stagedMark;
  } catch {
    return undefined;
  }
}

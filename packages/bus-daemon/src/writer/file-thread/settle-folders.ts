import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { faultPoint, fileNames, inFolder, PinnedFolder, writeNewFile } from '@quantbot/infra/files';
import type { CameOrder, SettleOrder, SettleResult } from './orders.js';

/**
 * Gives committed jobs their receipts and renames their folders to where they stay, if it can.
 * Where anything is not as it mostly is (a receipt that a crash has left, an older outcome of the
 * same job), the caller looks closer: settling can begin again from any point.
 */
export const settleFolders = (orders: readonly SettleOrder[]): SettleResult[] => orders.map(settleFolder);

function settleFolder({ folder, target, receipt, names, came }: SettleOrder): SettleResult {
  try {
    const mark = inFolder(folder, fileNames.commit);
    // Under its own name: nobody looks for a receipt here before the folder has been renamed.
    const path = inFolder(folder, fileNames.receipt);
    const bytes = Buffer.from(receipt);
    if (!names.includes(fileNames.receipt) && overwrite(mark, bytes)) renameSync(mark, path);
    else {
      writeNewFile(path, bytes);
      unlinkSync(mark);
    }
    faultPoint('settle:receipt-written');
    for (const name of names) unlinkSync(inFolder(folder, name));
    if (came !== undefined) chmodSync(folder, 0o755); // nobody could look into it until now
    renameSync(folder, target);
    // Last: a crash before it finds the job in work, and settles it again.
    return came === undefined || removeKnown(came) ? 'settled' : 'left';
  } catch {
    return 'no';
  }
}

/** Removes a folder if nothing lies in it but what is known; otherwise gives it its other name. */
function removeKnown({ folder, names, left }: CameOrder): boolean {
  try {
    const pinned = PinnedFolder.open(folder);
    try {
      for (const name of names) pinned.remove(name);
    } finally {
      pinned.close();
    }
    rmdirSync(folder);
    return true;
  } catch {
    renameSync(folder, left);
    return false;
  }
}

/**
 * Writes over a file that has served its purpose, which costs half of making a new one and deleting
 * this; whether it may be done: to a plain file of our own that has no other name, that all may
 * read, and that is no longer than what comes.
 */
function overwrite(path: string, bytes: Buffer): boolean {
  const file = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const info = fstatSync(file);
    const isOurs = info.isFile() && info.nlink === 1 && info.uid === process.geteuid?.();
    if (!isOurs || (info.mode & 0o444) !== 0o444 || info.size > bytes.length) return false;
    return writeSync(file, bytes, 0, bytes.length, 0) === bytes.length;
  } finally {
    closeSync(file);
  }
}

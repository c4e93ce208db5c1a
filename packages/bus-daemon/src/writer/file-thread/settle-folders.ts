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

const ourUid = process.geteuid?.();

/**
 * Writes the receipts of committed jobs and moves their folders to their final place, if it can. In
 * unusual cases (a receipt from a crash, an older outcome of the same job) the caller handles the
 * job, because settling can start again at any point.
 */
export const settleFolders = (orders: readonly SettleOrder[]): SettleResult[] => orders.map(settleFolder);

function settleFolder({ folder, target, receipt, names, came }: SettleOrder): SettleResult {
  try {
    const bytes = Buffer.from(receipt);
    // Write it under its own name: no one reads a receipt here before the rename.
    if (came !== undefined) writeNewFile(inFolder(folder, fileNames.receipt), bytes);
    else turnMarkInto(bytes, folder, names);
    faultPoint('settle:receipt-written');
    for (const name of names) unlinkSync(inFolder(folder, name));
    if (came !== undefined) chmodSync(folder, 0o755); // no one could read it until now
    renameSync(folder, target);
    // Do this last: a crash before it leaves the job in work, and it is settled again.
    return came === undefined || removeKnown(came) ? 'settled' : 'left';
  } catch {
    return 'no';
  }
}

/** Puts the receipt in the place of COMMIT. */
function turnMarkInto(receipt: Buffer, folder: string, names: readonly string[]): void {
  const mark = inFolder(folder, fileNames.commit);
  const path = inFolder(folder, fileNames.receipt);
  if (!names.includes(fileNames.receipt) && overwrite(mark, receipt)) renameSync(mark, path);
  else {
    writeNewFile(path, receipt);
    unlinkSync(mark);
  }
}

/** Removes a folder if it holds only known files. Otherwise renames it. */
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
 * Overwrites a file that is no longer needed, which costs half of creating a new one. Returns false
 * unless it is our own plain file with one name, readable by all, and no longer than the new
 * content.
 */
function overwrite(path: string, bytes: Buffer): boolean {
  const file = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const info = fstatSync(file);
    const isOurs = info.isFile() && info.nlink === 1 && info.uid === ourUid;
    if (!isOurs || (info.mode & 0o444) !== 0o444 || info.size > bytes.length) return false;
    return writeSync(file, bytes, 0, bytes.length, 0) === bytes.length;
  } finally {
    closeSync(file);
  }
}

import { closeSync, constants, fchmodSync, fstatSync, fsyncSync, openSync, unlinkSync } from 'node:fs';
import { isNotRegular, tryLink } from '@quantbot/infra/files';
import { plainError, type StoreOrder, type StoreResult } from './orders.js';

type Linked = { file: number } | Exclude<StoreResult, 'stored'>;

/**
 * Links files into the store, makes them read-only and flushes them: first all links and modes,
 * then all flushes. The first flush then writes the file system's journal for all of them, and the
 * other flushes find little left to do. Alternating links and flushes would write that journal for
 * every file (docs/performance.md).
 */
export function storeFiles(orders: readonly StoreOrder[]): StoreResult[] {
  return orders.map(linkReadOnly).map(flushLinked);
}

function linkReadOnly({ file, inode, target, replaceOrphan }: StoreOrder): Linked {
  try {
    if (replaceOrphan) unlinkSync(target);
    if (!tryLink(file, target)) return 'cannot be linked';
    return { file: openLinked(file, target, inode) };
  } catch (error) {
    return { failed: 'link', error: plainError(error) };
  }
}

/**
 * Links and opens a file. A link is made by path, so this checks that the path still leads to the
 * hashed regular file.
 */
function openLinked(from: string, target: string, inode: number): number {
  let file: number | undefined;
  try {
    file = openSync(target, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stored = fstatSync(file);
    if (stored.isFile() && stored.ino === inode) {
      fchmodSync(file, 0o444);
      return file;
    }
    closeSync(file);
  } catch (error) {
    if (file !== undefined) closeSync(file);
    if (!isNotRegular(error)) throw error;
  }
  unlinkSync(target);
  throw new Error(`${from} was replaced while it was stored.`);
}

function flushLinked(linked: Linked): StoreResult {
  if (typeof linked === 'string' || 'failed' in linked) return linked;
  try {
    fsyncSync(linked.file);
    return 'stored';
  } catch (error) {
    return { failed: 'flush', error: plainError(error) };
  } finally {
    closeSync(linked.file);
  }
}

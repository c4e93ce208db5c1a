import { randomBytes } from 'node:crypto';
import { closeSync, openSync, rmSync } from 'node:fs';
import { tryLink } from '@quantbot/infra/files';
import { daemonError } from '../errors.js';

/**
 * Whether this folder's file system supports hard links. Creates a file with a second name to find
 * out, and removes both.
 */
export function hasHardLinks(folder: string): boolean {
  const names = ['a', 'b'].map(end => `${folder}/.link-${process.pid}-${randomBytes(6).toString('hex')}-${end}`);
  const [from, to] = names as [string, string];
  try {
    closeSync(openSync(from, 'wx', 0o600));
    return tryLink(from, to);
  } finally {
    for (const name of names) rmSync(name, { force: true });
  }
}

/**
 * Requires hard links. Each published database has a second name, through which the daemon sees
 * whether a reader still has it open. A copy could not show that.
 *
 * @throws DaemonError `NO_HARD_LINKS`.
 */
export function assertHardLinks(folder: string): void {
  if (!hasHardLinks(folder))
    throw daemonError('NO_HARD_LINKS', `The file system of ${folder} has no hard links, which the bus needs.`);
}

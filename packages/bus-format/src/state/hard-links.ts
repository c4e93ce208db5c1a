import { randomBytes } from 'node:crypto';
import { closeSync, openSync, rmSync } from 'node:fs';
import { tryLink } from '@quantbot/infra/files';
import { daemonError } from '../errors.js';

/**
 * Whether a file in this folder can have a second name there, found out by giving one a second
 * name. Both are gone afterwards.
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
 * The published database keeps a second name, whose lock tells whether a reader still has it open:
 * no copy could tell that.
 *
 * @throws DaemonError `NO_HARD_LINKS`.
 */
export function assertHardLinks(folder: string): void {
  if (!hasHardLinks(folder))
    throw daemonError('NO_HARD_LINKS', `The file system of ${folder} has no hard links, which the bus needs.`);
}

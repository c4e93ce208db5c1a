import { lstatSync, readdirSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { fileNames } from '@quantbot/infra';
import type { Bus } from '../bus.js';
import type { FoundJob } from '../job.js';

/** Folders to examine before other work gets a turn. */
const sliceSize = 500;

/**
 * In: the inbox. Out: every unknown folder with a COMMIT, oldest first. Durable effect: none. It
 * scans everything, because file system events are only hints.
 */
export async function discover(bus: Bus, isKnown: (name: string) => boolean = () => false): Promise<FoundJob[]> {
  const found: FoundJob[] = [];
  const names = inboxNames(bus.layout.inbox);
  for (let i = 0; i < names.length; i++) {
    if (i % sliceSize === sliceSize - 1) await setImmediate();
    const name = names[i] as string | Buffer;
    if (isKnown(String(name))) continue;
    const job = findJob(bus.layout.inbox, name);
    if (job !== undefined) found.push(job);
  }
  return found.sort((a, b) => a.committedAtMs - b.committedAtMs || (String(a.name) < String(b.name) ? -1 : 1));
}

function inboxNames(inbox: string): (string | Buffer)[] {
  const names = readdirSync(inbox);
  // A name that is not UTF-8 reads with U+FFFD and cannot be found. Read such names again as bytes.
  if (!names.some(name => name.includes('\uFFFD'))) return names;
  return readdirSync(inbox, { encoding: 'buffer' }).map(bytes => {
    const text = bytes.toString('utf8');
    return text.includes('\uFFFD') ? bytes : text;
  });
}

/** Returns a path in the inbox. The name may be bytes. */
export const inInbox = (inbox: string, name: string | Buffer, ...rest: string[]): string | Buffer =>
  typeof name === 'string'
    ? [inbox, name, ...rest].join('/')
    : Buffer.concat([Buffer.from(`${inbox}/`), name, Buffer.from(rest.map(part => `/${part}`).join(''))]);

/** Returns the job with this name in the inbox, or undefined. */
export function findJob(inbox: string, name: string | Buffer): FoundJob | undefined {
  try {
    const commit = lstatSync(inInbox(inbox, name, fileNames.commit), { throwIfNoEntry: false });
    return commit && { name, committedAtMs: commit.mtimeMs, owner: commit.uid };
  } catch {
    return undefined; // not a folder, or unreadable: not a job (yet)
  }
}

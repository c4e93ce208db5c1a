import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import type { BusLayout } from '@quantbot/infra/bus';
import { fileNames } from '@quantbot/infra/files';
import { claimedNames } from './claimed-names.js';

/** A folder's name; a Buffer where it is not valid UTF-8. */
export type InboxName = string | Buffer;

/** A job in the inbox: a folder with a COMMIT. */
export interface WaitingJob {
  name: InboxName;
  /** When COMMIT was written (milliseconds). A producer's jobs are taken in this order. */
  submittedAtMs: number;
  /** The user id of the owner of COMMIT. */
  owner: number;
}

/** A folder of the inbox, as it is listed. */
export interface InboxEntry {
  name: string;
  /** When its COMMIT was written; without one, when its last entry was created (milliseconds). */
  since: number;
}

/** The folders of the inbox. */
export interface InboxView {
  /** The number of all folders. */
  total: number;
  /** Jobs with a COMMIT, which the daemon will take. */
  waiting: InboxEntry[];
  /** Folders without a COMMIT (yet). */
  uncommitted: InboxEntry[];
  /** Folders that this user may not look into. */
  closed: InboxEntry[];
  /** Names of anything else: files, links, FIFOs. The daemon leaves them where they are. */
  strays: string[];
}

/** The number of folders to examine before other work may run. */
const sliceSize = 500;

/** Returns a path in the inbox. The name may be bytes. */
export const inInbox = (inbox: string, name: InboxName, ...rest: string[]): string | Buffer =>
  typeof name === 'string'
    ? [inbox, name, ...rest].join('/')
    : Buffer.concat([Buffer.from(`${inbox}/`), name, Buffer.from(rest.map(part => `/${part}`).join(''))]);

/** The first and the last moment that a `Date` can hold, as a distance from 1970. */
const maxDateMs = 8.64e15;

/**
 * Returns when a file was written (milliseconds). Its owner can set any time, and some file systems
 * keep times that are no `Date`.
 */
export const submissionTime = ({ mtimeMs }: Pick<Stats, 'mtimeMs'>): number =>
  Math.min(Math.max(mtimeMs, -maxDateMs), maxDateMs);

/** Returns the job with this name. Undefined: no folder, unreadable, or without a COMMIT (yet). */
export function findWaiting(inbox: string, name: InboxName): WaitingJob | undefined {
  const commit = commitOf(inbox, name);
  if (commit === undefined || commit === 'closed') return undefined;
  return { name, submittedAtMs: submissionTime(commit), owner: commit.uid };
}

/**
 * Returns every unknown job of the inbox, unsorted.
 *
 * @param isKnown called before a folder is examined.
 */
export async function findAllWaiting(inbox: string, isKnown: (name: string) => boolean): Promise<WaitingJob[]> {
  const found: WaitingJob[] = [];
  await eachName(inbox, undefined, name => {
    const job = isKnown(String(name)) ? undefined : findWaiting(inbox, name);
    if (job !== undefined) found.push(job);
  });
  return found;
}

/**
 * Lists the folders of the inbox without reading the jobs.
 *
 * @param max examine only this many folders. Each costs a system call or two.
 */
export async function lookIntoInbox(inbox: string, max?: number): Promise<InboxView> {
  const view: InboxView = { total: 0, waiting: [], uncommitted: [], closed: [], strays: [] };
  view.total = await eachName(inbox, max, name => {
    const commit = commitOf(inbox, name);
    if (commit instanceof Object) {
      view.waiting.push({ name: String(name), since: submissionTime(commit) });
      return;
    }
    const folder = lstatSync(inInbox(inbox, name), { throwIfNoEntry: false });
    if (folder === undefined) return; // taken meanwhile
    if (!folder.isDirectory()) view.strays.push(String(name));
    else view[commit ?? 'uncommitted'].push({ name: String(name), since: submissionTime(folder) });
  });
  return view;
}

/** Returns the number of folders in `inbox/` and `claimed/`, without reading them. */
export async function countQueue({ inbox, claimed }: BusLayout): Promise<{ inbox: number; claimed: number }> {
  const [waiting, taken] = await Promise.all([readdir(inbox), readdir(claimed)]);
  return { inbox: waiting.length, claimed: claimedNames(taken).length };
}

function commitOf(inbox: string, name: InboxName): Stats | 'closed' | undefined {
  try {
    return lstatSync(inInbox(inbox, name, fileNames.commit), { throwIfNoEntry: false });
  } catch {
    return 'closed';
  }
}

/** Calls `look` with each name, and returns the number of all names. */
async function eachName(inbox: string, max: number | undefined, look: (name: InboxName) => void): Promise<number> {
  const names = namesIn(inbox);
  for (const [i, name] of names.slice(0, max).entries()) {
    if (i % sliceSize === sliceSize - 1) await setImmediate();
    look(name);
  }
  return names.length;
}

function namesIn(inbox: string): InboxName[] {
  const names = readdirSync(inbox);
  // A name that is not UTF-8 reads with U+FFFD and cannot be found. Read such names again as bytes.
  if (!names.some(name => name.includes('\uFFFD'))) return names;
  return readdirSync(inbox, { encoding: 'buffer' }).map(bytes => {
    const text = bytes.toString('utf8');
    return text.includes('\uFFFD') ? bytes : text;
  });
}

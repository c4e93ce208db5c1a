import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileNames } from '@quantbot/infra';

/** A folder of the inbox. */
export interface InboxEntry {
  name: string;
  /**
   * When it got its COMMIT; without one, when something in it last got a name (milliseconds since
   * 1970).
   */
  since: number;
}

/** What lies in the inbox. */
export interface InboxView {
  /** All that is there. */
  total: number;
  /** Jobs with a COMMIT, which the daemon will take. */
  waiting: InboxEntry[];
  /** What has no COMMIT (yet). */
  uncommitted: InboxEntry[];
  /** Folders that we may not look into. */
  closed: string[];
}

/**
 * Looks into the inbox from outside; only into so many of its folders, of which each costs a system
 * call or two.
 */
export function lookIntoInbox(inbox: string, most = Number.POSITIVE_INFINITY): InboxView {
  const names = readdirSync(inbox);
  const view: InboxView = { total: names.length, waiting: [], uncommitted: [], closed: [] };
  for (const name of names.slice(0, most)) {
    try {
      const commit = lstatSync(join(inbox, name, fileNames.commit), { throwIfNoEntry: false });
      if (commit !== undefined) {
        view.waiting.push({ name, since: commit.mtimeMs });
        continue;
      }
      const folder = lstatSync(join(inbox, name), { throwIfNoEntry: false });
      if (folder !== undefined) view.uncommitted.push({ name, since: folder.mtimeMs });
    } catch {
      view.closed.push(name);
    }
  }
  return view;
}

import { hostname } from 'node:os';
import type { FoundDamage } from '@quantbot/bus-format/state';
import { visible } from '@quantbot/infra/bus';
import type { NotifyEvent } from '@quantbot/infra/config';
import type { DaemonCause, Happening, NotifiedExport, RejectedJob } from './happening.js';

/** Events of one kind in one notification. */
export interface Notification {
  /** The same for each attempt, so that a receiver recognises a repetition. */
  id: string;
  event: NotifyEvent;
  /** The number of events; the list has only the first of them. */
  count: number;
  happenings: Happening[];
}

/** The JSON that a hook receives. While `version` is 1, fields are only added. */
export interface NotificationDocument {
  version: 1;
  id: string;
  event: NotifyEvent | 'test';
  /** The hook's name. */
  hook: string;
  /** Time of the first event (ISO 8601, UTC). */
  at: string;
  host: string;
  bus_root: string;
  /** One line for people. */
  text: string;
  /** The number of rejected jobs, exports or damaged files. */
  count?: number;
  /** The first rejected jobs. */
  jobs?: RejectedJob[];
  exports?: NotifiedExport[];
  /** The first damaged files, and tables that such a file blocks. */
  damage?: FoundDamage[];
  /** The reason of `paused` and `stopped`. */
  cause?: DaemonCause;
}

/** Returns the JSON of a notification. */
export function documentOf(
  { id, event, count, happenings }: Notification,
  hook: string,
  busRoot: string,
): NotificationDocument {
  const host = hostname();
  const jobs = happenings.flatMap(about => (about.event === 'rejected' ? [about.job] : []));
  const exports = happenings.flatMap(about => ('export' in about ? [about.export] : []));
  const damage = happenings.flatMap(about => (about.event === 'damaged' ? [about.damage] : []));
  const cause = happenings.map(about => ('cause' in about ? about.cause : null)).find(found => found !== null);
  return {
    version: 1,
    id,
    event,
    hook,
    at: happenings[0]?.at ?? '',
    host,
    bus_root: busRoot,
    text: inOneLine(`${sentence(event, count, { jobs, exports, damage, cause })} (${busRoot} on ${host})`),
    ...(jobs.length > 0 && { count, jobs }),
    ...(exports.length > 0 && { count, exports }),
    ...(damage.length > 0 && { count, damage }),
    ...(cause && { cause }),
  };
}

/**
 * Makes text safe for one line and for an environment variable: errors may quote a producer's text.
 */
const inOneLine = (text: string): string => visible(text.replace(/\s+/gu, ' '));

function sentence(
  event: NotifyEvent,
  count: number,
  {
    jobs: [job],
    exports: [firstExport],
    damage: [firstDamage],
    cause,
  }: {
    jobs: readonly RejectedJob[];
    exports: readonly NotifiedExport[];
    damage: readonly FoundDamage[];
    cause: DaemonCause | undefined;
  },
): string {
  const because = cause === undefined ? '' : `${cause.code === null ? '' : ` (${cause.code})`}: ${cause.message}`;
  switch (event) {
    case 'rejected': {
      const which = `${job?.job_id} (${job?.code}): ${job?.error}`;
      return count === 1 ? `The job was rejected: ${which}` : `${count} jobs were rejected, first ${which}`;
    }
    case 'export_failed': {
      const which = `${firstExport?.name}: ${firstExport?.error}`;
      return count === 1 ? `The export failed: ${which}` : `${count} exports failed, first ${which}`;
    }
    case 'export_recovered':
      return count === 1
        ? `The export has recovered: ${firstExport?.name}`
        : `${count} exports have recovered, first ${firstExport?.name}`;
    case 'damaged': {
      const which = `${firstDamage?.what} (${firstDamage?.code}): ${firstDamage?.detail}`;
      return count === 1 ? `Damage was found: ${which}` : `${count} files or tables are damaged, first ${which}`;
    }
    case 'paused':
      return `The daemon has paused${because}`;
    case 'resumed':
      return 'The daemon has resumed after its pause';
    case 'stopped':
      return `The daemon has stopped${because}`;
  }
}

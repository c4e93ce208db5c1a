import type { FoundDamage } from '@quantbot/bus-format/state';
import type { NotifyEvent, NotifyHook } from '@quantbot/infra/config';

/** A job that was rejected, as a notification names it. */
export interface RejectedJob {
  job_id: string;
  seq: number;
  /** Null when the manifest could not be read. */
  run_id: string | null;
  producer: string | null;
  kind: string | null;
  code: string;
  error: string;
  hint: string;
  /** The folder of the job. */
  path: string;
}

/** An export that began to fail, or recovered. */
export interface NotifiedExport {
  name: string;
  /** The last commit in its last good file; 0 without one. */
  as_of_seq: number;
  rows: number | null;
  bytes: number | null;
  error: string | null;
}

/** Why the daemon pauses or had to stop. */
export interface DaemonCause {
  code: string | null;
  message: string;
  hint: string | null;
}

/** An event that a hook may want. */
export type Happening = { /** When (ISO 8601, UTC). */ at: string } & (
  | { event: 'rejected'; job: RejectedJob }
  | { event: 'export_failed' | 'export_recovered'; export: NotifiedExport }
  | { event: 'damaged'; damage: FoundDamage }
  | { event: 'paused' | 'resumed' | 'stopped'; cause: DaemonCause | null }
);

/** The subject of a happening. A hook receives events of one subject in order. */
export type Subject = 'jobs' | 'exports' | 'files' | 'daemon';

/** The subject of each event. */
export const subjectOf: Record<NotifyEvent, Subject> = {
  rejected: 'jobs',
  export_failed: 'exports',
  export_recovered: 'exports',
  damaged: 'files',
  paused: 'daemon',
  resumed: 'daemon',
  stopped: 'daemon',
};

/** Returns whether a hook wants an event. */
export function isWanted({ on, producers, kinds }: NotifyHook, happening: Happening): boolean {
  if (!on.includes(happening.event)) return false;
  if (happening.event !== 'rejected') return true;
  const { producer, kind } = happening.job;
  return isAmong(producers, producer) && isAmong(kinds, kind);
}

const isAmong = (wanted: readonly string[], value: string | null): boolean =>
  wanted.length === 0 || (value !== null && wanted.includes(value));

import { join } from 'node:path';
import { readState } from '@quantbot/infra/files';
import * as z from 'zod';

const waitingTableSchema = z.object({
  table: z.string(),
  since: z.string(),
  code: z.string(),
  message: z.string(),
  hint: z.string(),
});

/** A canonical table that is not compacted because one of its files is damaged. */
export type WaitingTable = z.infer<typeof waitingTableSchema>;

/** The schema of `daemon.json`. */
export const daemonStateSchema = z.object({
  pid: z.number(),
  state: z.enum(['starting', 'running', 'paused']),
  /** When it entered this state. */
  since: z.string(),
  /** When it last reported: every few seconds, or after each pause. */
  at: z.string(),
  /** Why it pauses. */
  cause: z.object({ code: z.string().nullable(), message: z.string(), hint: z.string() }).nullable(),
  /** Canonical tables that a damaged file blocks. */
  waitingTables: z.array(waitingTableSchema).default([]),
});

/** The state of a daemon in `<bus_root>/daemon.json`, for operators and `doctor`. */
export type DaemonState = z.infer<typeof daemonStateSchema>;

/** The file with the daemon's state. */
export const stateFileOf = (busRoot: string): string => join(busRoot, 'daemon.json');

/** Reads the state of the last daemon; undefined if the file cannot be read. */
export function readDaemonState(busRoot: string): DaemonState | undefined {
  const state = readState(stateFileOf(busRoot), daemonStateSchema);
  return typeof state === 'string' ? undefined : state;
}

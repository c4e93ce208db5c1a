import { join } from 'node:path';
import type { BusLayout } from '@quantbot/infra/bus';
import { readState, writeStateDurable } from '@quantbot/infra/files';
import * as z from 'zod';

const findingSchema = z.object({ code: z.string(), what: z.string(), detail: z.string(), found_at: z.string() });

/** A damaged file. */
export type ScrubFinding = z.infer<typeof findingSchema>;

/** A damaged file (`what` is its path), or a table whose work such a file blocks. */
export type FoundDamage = Omit<ScrubFinding, 'found_at'>;

/** The schema of `scrub.json`. */
export const scrubStateSchema = z.object({
  started_at: z.string(),
  /** Null while the pass runs or waits to be resumed. */
  ended_at: z.string().nullable(),
  /**
   * The last file that the pass has compared: of the daemon's own files, of the receipts and reject
   * reasons, and of the artifacts.
   */
  place: z.object({ own: z.string(), outcome: z.string().default(''), seq: z.number(), ordinal: z.number() }),
  files: z.number(),
  bytes: z.number(),
  /** Bytes of the whole pass, counted when it began or was resumed. */
  total_bytes: z.number(),
  findings: z.array(findingSchema),
  /** The last complete pass. */
  last: z.object({ started_at: z.string(), ended_at: z.string(), files: z.number(), bytes: z.number() }).nullable(),
});

/** The progress and findings of a scrub, as stored in `<bus_root>/scrub.json`. */
export type ScrubState = z.infer<typeof scrubStateSchema>;

/** Returns the path of a scrub's state file. */
export const scrubFileOf = (busRoot: string): string => join(busRoot, 'scrub.json');

/** Reads the state of the last scrub; undefined if there was none or its file is damaged. */
export function readScrubState(busRoot: string): ScrubState | undefined {
  const state = readState(scrubFileOf(busRoot), scrubStateSchema);
  return typeof state === 'string' ? undefined : state;
}

/** Replaces the file as a whole. */
export const writeScrubState = ({ root }: Pick<BusLayout, 'root'>, state: ScrubState): Promise<void> =>
  writeStateDurable(scrubFileOf(root), state);

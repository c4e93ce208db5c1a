import { join } from 'node:path';
import type { BusLayout } from '@quantbot/infra';
import { readState, writeStateDurable } from '@quantbot/infra/files';
import { z } from 'zod';

const findingSchema = z.object({ code: z.string(), what: z.string(), detail: z.string(), found_at: z.string() });

/** A file that is not as it was written. */
export type ScrubFinding = z.infer<typeof findingSchema>;

/** A damaged file (`what` is its path), or a table that such a file keeps from its work. */
export type FoundDamage = Omit<ScrubFinding, 'found_at'>;

/** Of `scrub.json`. */
export const scrubStateSchema = z.object({
  started_at: z.string(),
  /** Null while the pass is under way, or waits to be resumed. */
  ended_at: z.string().nullable(),
  /**
   * The last file of the daemon's own, the last receipt or reject reason, and the last artifact
   * that the pass has compared.
   */
  place: z.object({ own: z.string(), outcome: z.string().default(''), seq: z.number(), ordinal: z.number() }),
  files: z.number(),
  bytes: z.number(),
  /** Bytes of the whole pass, as they were counted when it began or was resumed. */
  total_bytes: z.number(),
  findings: z.array(findingSchema),
  /** The last pass that came to its end. */
  last: z.object({ started_at: z.string(), ended_at: z.string(), files: z.number(), bytes: z.number() }).nullable(),
});

/** How far a scrub is and what it has found, as `<bus_root>/scrub.json` says. */
export type ScrubState = z.infer<typeof scrubStateSchema>;

/** Where a scrub keeps its place. */
export const scrubFileOf = (busRoot: string): string => join(busRoot, 'scrub.json');

/** What the last scrub has written; undefined when there was none, or its file is damaged. */
export function readScrubState(busRoot: string): ScrubState | undefined {
  const state = readState(scrubFileOf(busRoot), scrubStateSchema);
  return typeof state === 'string' ? undefined : state;
}

/** Replaces the file as a whole. */
export const writeScrubState = ({ root }: Pick<BusLayout, 'root'>, state: ScrubState): Promise<void> =>
  writeStateDurable(scrubFileOf(root), state);

import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BusLayout, systemErrorCode, writeFileDurable } from '@quantbot/infra';
import { z } from 'zod';

const findingSchema = z.object({ code: z.string(), what: z.string(), detail: z.string(), found_at: z.string() });

/** A file that is not as it was written. */
export type ScrubFinding = z.infer<typeof findingSchema>;

const stateSchema = z.object({
  started_at: z.string(),
  /** Null while the pass is under way, or waits to be resumed. */
  ended_at: z.string().nullable(),
  /** The last file of the daemon's own, and the last artifact, that the pass has compared. */
  place: z.object({ own: z.string(), seq: z.number(), ordinal: z.number() }),
  files: z.number(),
  bytes: z.number(),
  /** Bytes of the whole pass, as they were counted when it began or was resumed. */
  total_bytes: z.number(),
  findings: z.array(findingSchema),
  /** The last pass that came to its end. */
  last: z.object({ started_at: z.string(), ended_at: z.string(), files: z.number(), bytes: z.number() }).nullable(),
});

/** How far a scrub is and what it has found, as `<bus_root>/scrub.json` says. */
export type ScrubState = z.infer<typeof stateSchema>;

/** Where a scrub keeps its place. */
export const scrubFileOf = (busRoot: string): string => join(busRoot, 'scrub.json');

const checkOf = (state: object): string => hash('sha256', JSON.stringify(state));

/** What the last scrub has written; undefined when there was none, or its file is damaged. */
export function readScrubState(busRoot: string): ScrubState | undefined {
  try {
    const { check, ...state } = JSON.parse(readFileSync(scrubFileOf(busRoot), 'utf8')) as Record<string, unknown>;
    return check === checkOf(state) ? stateSchema.safeParse(state).data : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Replaces the file as a whole. */
export const writeScrubState = ({ root }: Pick<BusLayout, 'root'>, state: ScrubState): Promise<void> =>
  writeFileDurable(scrubFileOf(root), `${JSON.stringify({ ...state, check: checkOf(state) }, null, 2)}\n`);

import { join } from 'node:path';
import { readState, writeState } from '@quantbot/infra/files';
import * as z from 'zod';

/** How far the OpenLineage events of jobs are delivered. */
export const lineageCursorSchema = z.object({
  /** The last job whose events were delivered, or refused for good. */
  seq: z.number().int().nonnegative(),
});

/** Returns the path of `<bus_root>/openlineage.json`. */
export const lineageCursorFileOf = (busRoot: string): string => join(busRoot, 'openlineage.json');

/** Returns the last job whose OpenLineage events were delivered; 0 if there is none. */
export function readLineageCursor(busRoot: string): number {
  const state = readState(lineageCursorFileOf(busRoot), lineageCursorSchema);
  return typeof state === 'string' ? 0 : state.seq;
}

/** Replaces the file. It is not flushed: after a power cut, some events are delivered twice. */
export const writeLineageCursor = (busRoot: string, seq: number): void =>
  writeState(lineageCursorFileOf(busRoot), { seq });

import { join } from 'node:path';
import { readState, writeState } from '@quantbot/infra/files';
import { z } from 'zod';

const stateSchema = z.object({
  /** The last job whose events were delivered, or refused for good. */
  seq: z.number().int().nonnegative(),
});

const fileOf = (busRoot: string): string => join(busRoot, 'openlineage.json');

/** Returns the last job whose OpenLineage events were delivered; 0 if there is none. */
export function readLineageCursor(busRoot: string): number {
  const state = readState(fileOf(busRoot), stateSchema);
  return typeof state === 'string' ? 0 : state.seq;
}

/** Replaces the file. It is not flushed: after a power cut, some events are delivered twice. */
export const writeLineageCursor = (busRoot: string, seq: number): void => writeState(fileOf(busRoot), { seq });

import { join } from 'node:path';
import type { BusLayout } from '@quantbot/infra/bus';
import { readState, writeStateDurable } from '@quantbot/infra/files';
import * as z from 'zod';

/** How far the daemon has removed the bytes of forgotten artifacts. */
export const forgottenStateSchema = z.object({
  /** The last job whose forgotten artifacts have no bytes in the store any more. */
  removed_up_to: z.number(),
});

/** Returns the path of `<bus_root>/forgotten.json`. */
export const forgottenFileOf = (busRoot: string): string => join(busRoot, 'forgotten.json');

/** Returns the last job whose bytes are removed. Zero only means that the daemon looks again. */
export function readRemovedUpTo(busRoot: string): number {
  const state = readState(forgottenFileOf(busRoot), forgottenStateSchema);
  return typeof state === 'string' ? 0 : state.removed_up_to;
}

/** Replaces the file as a whole. */
export const writeRemovedUpTo = ({ root }: Pick<BusLayout, 'root'>, seq: number): Promise<void> =>
  writeStateDurable(forgottenFileOf(root), { removed_up_to: seq });

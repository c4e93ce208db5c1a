import { join } from 'node:path';
import type { BusLayout } from '@quantbot/infra/bus';
import { readState, writeStateDurable } from '@quantbot/infra/files';
import * as z from 'zod';

const count = z.number().int().nonnegative();

/** What garbage collection removes, by the place where it lies. */
export const garbageKinds = ['processed', 'rejected', 'staging', 'orphan', 'lake', 'daemon'] as const;

/** {@link garbageKinds} */
export type GarbageKind = (typeof garbageKinds)[number];

/** The schema of `gc.json`. */
export const gcStateSchema = z.object({
  started_at: z.string(),
  ended_at: z.string(),
  /** What the last run removed. */
  removed: z.partialRecord(z.enum(garbageKinds), count),
  /** Bytes that the last run freed. */
  bytes: count,
  /** Bytes that all runs have freed. */
  total_bytes: count,
});

/** The result of the last garbage collection, as stored in `<bus_root>/gc.json`. */
export type GcState = z.infer<typeof gcStateSchema>;

/** Returns the path of the state of garbage collection. */
export const gcFileOf = (busRoot: string): string => join(busRoot, 'gc.json');

/** Reads the result of the last garbage collection; undefined if none has ended. */
export function readGcState(busRoot: string): GcState | undefined {
  const state = readState(gcFileOf(busRoot), gcStateSchema);
  return typeof state === 'string' ? undefined : state;
}

/** Replaces the file as a whole. */
export const writeGcState = ({ root }: Pick<BusLayout, 'root'>, state: GcState): Promise<void> =>
  writeStateDurable(gcFileOf(root), state);

/** Returns the state after a run that removed these items. */
export function gcStateAfter(
  before: GcState | undefined,
  items: readonly { kind: GarbageKind; bytes: number }[],
  startedAt: Date,
): GcState {
  const removed: GcState['removed'] = {};
  for (const { kind } of items) removed[kind] = (removed[kind] ?? 0) + 1;
  const bytes = items.reduce((sum, item) => sum + item.bytes, 0);
  return {
    started_at: startedAt.toISOString(),
    ended_at: new Date().toISOString(),
    removed,
    bytes,
    total_bytes: (before?.total_bytes ?? 0) + bytes,
  };
}

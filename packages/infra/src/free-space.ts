import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { type BusError, busError } from './errors.js';
import { readState, writeStateDurable } from './files/state-file.js';

/** The schema of `limits.json`. */
export const busLimitsSchema = z.object({
  /** Producers submit nothing that would leave fewer free bytes on the disk of the bus. */
  min_free_bytes: z.number().int().nonnegative(),
});

/** The limits that a bus sets its producers, as stored in `<bus_root>/limits.json`. */
export type BusLimits = z.infer<typeof busLimitsSchema>;

/** Returns the path of the limits that a bus sets its producers. */
export const limitsFileOf = (busRoot: string): string => join(busRoot, 'limits.json');

/** Writes the limits of a bus if they have changed. */
export async function writeBusLimits(busRoot: string, limits: BusLimits): Promise<void> {
  const before = readState(limitsFileOf(busRoot), busLimitsSchema);
  if (typeof before === 'string' || before.min_free_bytes !== limits.min_free_bytes)
    await writeStateDurable(limitsFileOf(busRoot), limits);
}

/**
 * Returns the bytes that programs may still write to the disk of a path; undefined if its file
 * system does not tell.
 */
export function freeBytes(path: string): number | undefined {
  const { blocks, bavail, bsize } = statfsSync(path);
  return blocks === 0 ? undefined : bavail * bsize;
}

/** Returns the error of a bus whose disk has too little space. */
export const diskFull = (
  busRoot: string,
  { free, min, job = 0 }: { free: number; min: number; job?: number },
): BusError =>
  busError(
    'DISK_FULL',
    `The disk of ${busRoot} has ${free} bytes free, and the bus keeps ${min} (min_free_bytes)${job === 0 ? '' : `; the job has ${job}`}.`,
  );

/** An answer is used for this long. A statement about a disk is old at once anyway. */
const goodForMs = 1_000;
const rooms = new Map<string, { at: number; room: number; free: number; min: number }>();

/**
 * Checks before a submission that the bus has room for these bytes.
 *
 * @throws BusError `DISK_FULL`.
 */
export function mustHaveRoom(busRoot: string, bytes: number): void {
  let known = rooms.get(busRoot);
  if (known === undefined || performance.now() - known.at > goodForMs || known.room < bytes) {
    known = look(busRoot);
    rooms.set(busRoot, known);
  }
  if (known.room < bytes) throw diskFull(busRoot, { ...known, job: bytes });
  known.room -= bytes;
}

function look(busRoot: string): { at: number; room: number; free: number; min: number } {
  const limits = readState(limitsFileOf(busRoot), busLimitsSchema);
  const min = typeof limits === 'string' ? 0 : limits.min_free_bytes;
  const free = min === 0 ? undefined : freeBytes(busRoot);
  const room = free === undefined ? Number.POSITIVE_INFINITY : free - min;
  return { at: performance.now(), room, free: free ?? 0, min };
}

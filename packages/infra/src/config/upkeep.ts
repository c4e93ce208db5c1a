import * as z from 'zod';
import { byteCount, bytesOf, duration, durationMs } from './parts.js';

/** `scrub`: the background search for files that the disk has changed. */
export const scrubSchema = z
  .strictObject({
    interval: duration
      .nullable()
      .default('7d')
      .describe('How often every file is hashed again: 7d, 12h, or a number of seconds; null: never.'),
    mb_per_second: z
      .number()
      .positive()
      .max(100_000)
      .default(20)
      .describe('Read at most this many megabytes a second.'),
  })
  .prefault({})
  .describe('The background search for files that the disk has changed.');

/** `gc`: the removal of what nobody needs any more. */
export const gcSchema = z
  .strictObject({
    interval: duration
      .nullable()
      .default('1d')
      .describe('How often the daemon removes old jobs and orphans: 1d, 12h, or a number of seconds; null: never.'),
    keep: duration.default('30d').describe('Folders of ingested jobs and duplicates are kept this long.'),
    keep_rejected: duration
      .nullable()
      .default(null)
      .describe(
        'Rejected jobs, whose files may be the only copies, are kept this long; null: until somebody removes them.',
      ),
    keep_unfinished: duration
      .default('1d')
      .describe('Jobs that a producer never submitted, and orphans of the store, are kept this long.'),
  })
  .prefault({})
  .describe('The removal of settled jobs, unfinished jobs and orphans.');

/** `min_free_bytes`. */
export const minFreeBytesSchema = z
  .number()
  .int()
  .nonnegative()
  .default(67_108_864)
  .describe('With less free space on the disk of bus_root, the bus takes no new jobs until there is more.');

const leastMemory = 2e9;

/** `memory_limit`. */
export const memoryLimitSchema = byteCount
  .refine(size => bytesOf(size) >= leastMemory, 'must be at least 2 GB')
  .nullable()
  .default(null)
  .describe(
    'Memory that a daemon and all its processes may take together, such as 4 GB: at least 2 GB. Files, exports and queries that need more than their share fail, or spill to the disk of bus_root. null: the memory of the machine, with the limits below.',
  );

/** How a daemon takes care of a bus in the background. */
export interface UpkeepConfig {
  /** 0: never checked. */
  minFreeBytes: number;
  scrub: {
    /** Undefined: scrubs never start automatically. */
    intervalMs: number | undefined;
    bytesPerS: number;
  };
  gc: {
    /** Undefined: garbage collection never starts automatically. */
    intervalMs: number | undefined;
    keepMs: number;
    /** Undefined: until somebody removes them. */
    keepRejectedMs: number | undefined;
    keepUnfinishedMs: number;
  };
}

/** Resolves `min_free_bytes` and the sections `scrub` and `gc`. */
export const resolveUpkeep = ({
  min_free_bytes: minFreeBytes,
  scrub,
  gc,
}: {
  min_free_bytes: number;
  scrub: z.infer<typeof scrubSchema>;
  gc: z.infer<typeof gcSchema>;
}): UpkeepConfig => ({
  minFreeBytes,
  scrub: {
    intervalMs: scrub.interval === null ? undefined : durationMs(scrub.interval),
    bytesPerS: scrub.mb_per_second * 1_000_000,
  },
  gc: {
    intervalMs: gc.interval === null ? undefined : durationMs(gc.interval),
    keepMs: durationMs(gc.keep),
    keepRejectedMs: gc.keep_rejected === null ? undefined : durationMs(gc.keep_rejected),
    keepUnfinishedMs: durationMs(gc.keep_unfinished),
  },
});

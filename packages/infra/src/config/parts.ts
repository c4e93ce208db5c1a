import * as z from 'zod';

/** A time in seconds, up to a day. */
export const seconds = z.number().positive().max(86_400);
const unitsMs: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A time such as `7d`, `12h`, `30m` or `90s`; a number means seconds. */
export const duration = z.union([
  z.number().positive().max(31_536_000),
  z.string().regex(/^[1-9][0-9]{0,7}[smhd]$/, 'must be a time such as 7d, 12h, 30m or 90s'),
]);

/** Milliseconds of a {@link duration}. */
export const durationMs = (time: z.infer<typeof duration>): number =>
  typeof time === 'number' ? Math.round(time * 1000) : Number(time.slice(0, -1)) * (unitsMs[time.slice(-1)] ?? 0);

const unitBytes: Record<string, number> = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

/** A number of bytes, or a text such as `200 GB`. */
export const byteCount = z.union([
  z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER),
  z.string().regex(/^[0-9]{1,12} ?(B|KB|MB|GB|TB)$/, 'must be a size such as 200 GB, 500 MB or 1 TB'),
]);

/** Bytes of a {@link byteCount}. */
export function bytesOf(size: z.infer<typeof byteCount>): number {
  if (typeof size === 'number') return size;
  const [, count, unit] = /^(\d+) ?([KMGT]?B)$/.exec(size) ?? [];
  return Number(count) * (unitBytes[unit as string] as number);
}

/** The name of an export or canonical table. */
export const tableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, 'must be a plain identifier of at most 63 characters');

/** Reports names that occur twice in a list. A name can be a file name, so case does not count. */
export function tellTwice(names: readonly string[], context: z.RefinementCtx): void {
  const alike = names.map(name => name.toLowerCase());
  for (const [index, name] of names.entries())
    if (alike.indexOf(name.toLowerCase()) < index)
      context.addIssue({ code: 'custom', path: [index, 'name'], message: `appears twice: ${name}` });
}

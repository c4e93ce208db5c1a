/** Returns a count with its noun: `1 job`, `3 jobs`. */
export const many = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

const steps = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const;

/** Returns a duration in words: `3 hours`. */
export function duration(ms: number): string {
  const [unit, length] = steps.find(([, least]) => ms >= 2 * least) ?? (['second', 1000] as const);
  return many(Math.max(0, Math.round(ms / length)), unit);
}

/** Quotes a path or name for a shell, if needed. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

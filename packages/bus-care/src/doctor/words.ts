/** A number of things: `1 job`, `3 jobs`. */
export const many = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

const steps = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const;

/** A length of time as people say it: `3 hours`. */
export function duration(ms: number): string {
  const [unit, length] = steps.find(([, least]) => ms >= 2 * least) ?? (['second', 1000] as const);
  return many(Math.max(0, Math.round(ms / length)), unit);
}

const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** A number of bytes as people say it: `1.4 GiB`. */
export function bytes(count: number): string {
  const power = Math.min(units.length - 1, count < 1024 ? 0 : Math.floor(Math.log2(count) / 10));
  return `${power === 0 ? count : (count / 1024 ** power).toFixed(1)} ${units[power]}`;
}

/** A path or name as one word of a shell's command line. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

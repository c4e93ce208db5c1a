/** Returns the date of a number of days since 1970, in the proleptic Gregorian calendar. */
export function civil(days: number): { year: number; month: number; day: number } {
  // Count eras of 400 years from the first of March, so that the leap day comes last.
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const ofEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * ofYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const day = ofYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

const two = (value: number): string => String(value).padStart(2, '0');

/** Returns a date as ISO 8601, with signed six-digit years outside of 0 to 9999. */
export function isoDate(days: number): string {
  if (days === 2 ** 31 - 1) return 'infinity';
  if (days === -(2 ** 31) + 1) return '-infinity';
  const { year, month, day } = civil(days);
  const digits = String(Math.abs(year));
  const years =
    year >= 0 && year <= 9999 ? digits.padStart(4, '0') : `${year < 0 ? '-' : '+'}${digits.padStart(6, '0')}`;
  return `${years}-${two(month)}-${two(day)}`;
}

/** Returns a date as DuckDB prints it: years before year 1 are BC. */
export function duckDbDate(days: number): string {
  if (days === 2 ** 31 - 1) return 'infinity';
  if (days === -(2 ** 31) + 1) return '-infinity';
  const { year, month, day } = civil(days);
  const shown = year > 0 ? year : 1 - year;
  return `${String(shown).padStart(4, '0')}-${two(month)}-${two(day)}${year > 0 ? '' : ' (BC)'}`;
}

/** Returns a time of day from nanoseconds, with as many digits as it needs. */
export function timeText(nanos: bigint): string {
  const seconds = Number(nanos / 1_000_000_000n);
  const fraction = String(nanos % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  const text = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return fraction === '' ? text : `${text}.${fraction}`;
}

const nanosPerDay = 86_400_000_000_000n;

/** Splits a timestamp into its day and the nanoseconds of that day. */
export function dayAndTime(nanos: bigint): { days: number; rest: bigint } {
  const rest = ((nanos % nanosPerDay) + nanosPerDay) % nanosPerDay;
  return { days: Number((nanos - rest) / nanosPerDay), rest };
}

/**
 * Returns the sign of an infinite timestamp, or 0. `unit` is the number of nanoseconds that it
 * counts.
 */
export function infinityOf(nanos: bigint, unit: bigint): -1 | 0 | 1 {
  const last = (2n ** 63n - 1n) * unit;
  return nanos === last ? 1 : nanos === -last ? -1 : 0;
}

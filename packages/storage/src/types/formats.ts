const infiniteDays = 2 ** 31 - 1;

/**
 * Returns days since 1970 as `YYYY-MM-DD`, with the signed six-digit years of ISO 8601 outside of 0
 * to 9999; `infinity` and `-infinity` too.
 */
export function dateText(days: number): string {
  if (Math.abs(days) === infiniteDays) return days > 0 ? 'infinity' : '-infinity';
  const { year, month, day } = civilOf(days);
  const sign = year < 0 ? '-' : '+';
  const years =
    year >= 0 && year <= 9999 ? String(year).padStart(4, '0') : `${sign}${String(Math.abs(year)).padStart(6, '0')}`;
  return `${years}-${two(month)}-${two(day)}`;
}

const two = (part: number): string => String(part).padStart(2, '0');

const daysPerEra = 146_097; // 400 years

/**
 * Returns the date in the Gregorian calendar, also beyond JavaScript's Date. It counts years from
 * March, so that the leap day comes last.
 */
function civilOf(days: number): { year: number; month: number; day: number } {
  const sinceMarch = days + 719_468; // since 0000-03-01
  const era = Math.floor(sinceMarch / daysPerEra);
  const dayOfEra = sinceMarch - era * daysPerEra;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const march = Math.floor((5 * dayOfYear + 2) / 153);
  const month = march < 10 ? march + 3 : march - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * march + 2) / 5) + 1,
  };
}

function daysOfCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * daysPerEra + dayOfEra - 719_468;
}

/**
 * Returns the days since 1970 of a text from {@link dateText}; undefined for any other text, such
 * as a 30th of February.
 */
export function daysOfDateText(text: string): number | undefined {
  if (text === 'infinity') return infiniteDays;
  if (text === '-infinity') return -infiniteDays;
  const [, year, month, day] = /^(\d{4}|[+-]\d{6,7})-(\d{2})-(\d{2})$/.exec(text) ?? [];
  if (year === undefined) return undefined;
  const days = daysOfCivil(Number(year), Number(month), Number(day));
  return Math.abs(days) < infiniteDays && dateText(days) === text ? days : undefined;
}

const nanosPerDay = 86_400_000_000_000n;

/** Returns a moment as ISO 8601 in UTC, with as many fractional digits as it needs. */
export function isoText(nanos: bigint): string {
  const rest = ((nanos % nanosPerDay) + nanosPerDay) % nanosPerDay;
  return `${dateText(Number((nanos - rest) / nanosPerDay))}T${timeText(rest, 9)}Z`;
}

/** Returns a scaled integer with its decimal point: 1250 with scale 2 is `12.50`. */
export function decimalText(scaled: number | bigint, scale: number): string {
  if (scale === 0) return String(scaled);
  const negative = scaled < 0;
  const digits = String(negative ? -scaled : scaled).padStart(scale + 1, '0');
  const point = digits.length - scale;
  return `${negative ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/**
 * Returns the scaled integer of a decimal number in plain notation; undefined for any other text,
 * or for more fractional digits than the scale.
 */
export function scaledOfDecimalText(text: string, scale: number): bigint | undefined {
  const [, sign, whole, fraction = ''] = /^([+-]?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const digits = fraction.replace(/0+$/, '');
  if (digits.length > scale) return undefined;
  const scaled = BigInt(whole + digits.padEnd(scale, '0'));
  return sign === '-' ? -scaled : scaled;
}

/**
 * Returns a finite number in plain notation, with the fewest digits that read back as the same
 * number (1e-7 as `0.0000001`).
 */
export function plainNumberText(value: number): string {
  const [, sign = '', whole = '0', fraction = '', exponent] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? [];
  if (exponent === undefined) return String(value);
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return `${sign}${digits.slice(0, point).padEnd(point, '0')}${digits.length > point ? `.${digits.slice(point)}` : ''}`;
}

/**
 * Returns a time of day as `HH:MM:SS[.f…]`, as DuckDB writes it, from microseconds (6 digits of a
 * second) or nanoseconds (9) since midnight.
 */
export function timeText(since: bigint, digits: 6 | 9): string {
  const perSecond = 10n ** BigInt(digits);
  const seconds = Number(since / perSecond);
  const fraction = String(since % perSecond)
    .padStart(digits, '0')
    .replace(/0+$/, '');
  const text = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return fraction === '' ? text : `${text}.${fraction}`;
}

const timePattern = /^(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,6}))?$/;

/**
 * Returns the microseconds since midnight of `HH:MM:SS[.ffffff]`, up to and including `24:00:00`;
 * undefined for any other text.
 */
export function microsOfTimeText(text: string): bigint | undefined {
  const [, hours, minutes, seconds, fraction = ''] = timePattern.exec(text) ?? [];
  if (hours === undefined || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  const micros =
    (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1_000_000 + Number(fraction.padEnd(6, '0'));
  return micros > 86_400_000_000 ? undefined : BigInt(micros);
}

const escapedBytes = Array.from({ length: 256 }, (_, byte) =>
  byte >= 32 && byte <= 126 && !`\\'"`.includes(String.fromCharCode(byte))
    ? String.fromCharCode(byte)
    : `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`,
);

const pieceBytes = 64 * 1024;

/**
 * Returns bytes as DuckDB prints them: `\x00abc`. A backslash is escaped too, so no two values
 * share a text.
 */
export function blobText(bytes: Uint8Array): string {
  let text = '';
  // In pieces, because an array of all of them takes many times their memory.
  for (let at = 0; at < bytes.length; at += pieceBytes)
    text += Array.from(bytes.subarray(at, at + pieceBytes), byte => escapedBytes[byte]).join('');
  return text;
}

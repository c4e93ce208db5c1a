import { storageError } from '../errors.js';

const msPerDay = 86_400_000;
const infiniteDays = 2 ** 31 - 1;

/** Days since 1970 as `YYYY-MM-DD`, with the signed six-digit years of ISO 8601 outside of 0 to 9999; `infinity` and `-infinity` too. */
export function dateText(days: number, column: string): string {
  if (Math.abs(days) === infiniteDays) return days > 0 ? 'infinity' : '-infinity';
  if (Math.abs(days) > 1e8)
    throw storageError('VALUE_UNREPRESENTABLE', `The column ${column} has a date beyond the year 275760.`, {
      hint: 'CAST the column to VARCHAR.',
    });
  const text = new Date(days * msPerDay).toISOString();
  return text.slice(0, text.indexOf('T'));
}

/** The days since 1970 of a text that {@link dateText} has made; undefined for anything else, such as a 30th of February. */
export function daysOfDateText(text: string): number | undefined {
  if (text === 'infinity') return infiniteDays;
  if (text === '-infinity') return -infiniteDays;
  if (!/^(?:\d{4}|[+-]\d{6})-\d{2}-\d{2}$/.test(text)) return undefined;
  const ms = Date.parse(`${text}T00:00:00.000Z`);
  return Number.isNaN(ms) || dateText(ms / msPerDay, '') !== text ? undefined : ms / msPerDay;
}

/** A scaled integer with its decimal point: 1250 with scale 2 is `12.50`. */
export function decimalText(scaled: number | bigint, scale: number): string {
  if (scale === 0) return String(scaled);
  const negative = scaled < 0;
  const digits = String(negative ? -scaled : scaled).padStart(scale + 1, '0');
  const point = digits.length - scale;
  return `${negative ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** The scaled integer of a decimal number in plain notation; undefined when it is none or has more digits than the scale. */
export function scaledOfDecimalText(text: string, scale: number): bigint | undefined {
  const [, sign, whole, fraction = ''] = /^([+-]?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const digits = fraction.replace(/0+$/, '');
  if (digits.length > scale) return undefined;
  const scaled = BigInt(whole + digits.padEnd(scale, '0'));
  return sign === '-' ? -scaled : scaled;
}

/** A finite number in plain notation with the fewest digits that give it back (1e-7 as `0.0000001`). */
export function plainNumberText(value: number): string {
  const [, sign = '', whole = '0', fraction = '', exponent] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? [];
  if (exponent === undefined) return String(value);
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return `${sign}${digits.slice(0, point).padEnd(point, '0')}${digits.length > point ? `.${digits.slice(point)}` : ''}`;
}

const timePattern = /^(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,6}))?$/;

/** The microseconds since midnight of `HH:MM:SS[.ffffff]`, up to and with `24:00:00`; undefined for anything else. */
export function microsOfTimeText(text: string): bigint | undefined {
  const [, hours, minutes, seconds, fraction = ''] = timePattern.exec(text) ?? [];
  if (hours === undefined || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  const micros =
    (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1_000_000 + Number(fraction.padEnd(6, '0'));
  return micros > 86_400_000_000 ? undefined : BigInt(micros);
}

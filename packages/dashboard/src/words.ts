const numberFormat = new Intl.NumberFormat('en');
const compact = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

const fourDigits = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 });
/** Without the last digits, in which sums of fractions differ. */
const exactTick = new Intl.NumberFormat('en', { maximumSignificantDigits: 12 });

/** A number with separated thousands. */
export const count = (n: number): string => numberFormat.format(n);

const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Bytes in units of 1024. */
export function bytes(n: number): string {
  const power = n < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(n) / 10));
  return `${compact.format(n / 1024 ** power)} ${units[power]}`;
}

/** A duration of milliseconds. */
export function duration(ms: number): string {
  if (ms < 1000) return `${compact.format(ms)} ms`;
  if (ms < 120_000) return `${compact.format(ms / 1000)} s`;
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`;
}

/** How long ago something was. */
export const ago = (time: string, now = Date.now()): string => {
  const ms = now - Date.parse(time);
  return ms < 1500 ? 'just now' : `${duration(Math.round(ms / 1000) * 1000)} ago`;
};

/** A long id with its middle left out. */
export const short = (id: string): string => (id.length <= 24 ? id : `${id.slice(0, 11)}…${id.slice(-11)}`);

/** Whether a text has all words of another one, in any case. */
export const hasWords = (text: string, words = ''): boolean =>
  words
    .toLowerCase()
    .split(/\s+/)
    .every(word => text.toLowerCase().includes(word));

const dayMs = 86_400_000;

// Each costs as much as a row of a list, so a page has one of each.
const shortTime = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
const longTime = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
const zone = longTime.resolvedOptions().timeZone;

const daySeconds = 86_400;
const tickFormats = (
  [
    [300 * daySeconds, { year: 'numeric' }],
    [28 * daySeconds, { month: 'short', year: 'numeric' }],
    [daySeconds, { day: 'numeric', month: 'short' }],
    [60, { hour: '2-digit', minute: '2-digit' }],
    [0, { hour: '2-digit', minute: '2-digit', second: '2-digit' }],
  ] as const
).map(([step, options]) => ({ step, format: new Intl.DateTimeFormat('en-GB', options) }));

/** The labels of a time axis, at these seconds since 1970. Midnight is labelled by its day. */
export function timeTicks(ticks: readonly number[]): string[] {
  const [first = 0, second = first + 60] = ticks;
  const formatOf = (step: number) => tickFormats.find(entry => step >= entry.step)?.format;
  return ticks.map(tick => {
    const at = new Date(tick * 1000);
    const isMidnight = at.getHours() === 0 && at.getMinutes() === 0 && at.getSeconds() === 0;
    return formatOf(Math.max(second - first, isMidnight ? daySeconds : 0))?.format(at) ?? '';
  });
}

/** The labels of an axis of values: with all their digits if fewer would make two labels equal. */
export function valueTicks(ticks: readonly number[], format: (value: number) => string): string[] {
  const labels = ticks.map(format);
  return new Set(labels).size < labels.length ? ticks.map(tick => exactTick.format(tick)) : labels;
}

/** A number of any size, with four digits. */
export const rounded = (n: number): string => fourDigits.format(n);

/** A time in the reader's zone. */
export const localTime = (time: string | number): string => shortTime.format(new Date(time));

/** How long ago something was; the date if that is more than two days. */
export const when = (time: string, now = Date.now()): string =>
  now - Date.parse(time) < 2 * dayMs ? ago(time, now) : localTime(time);

/** A time in the reader's zone and in UTC. */
export const exactTime = (time: string): string =>
  `${longTime.format(new Date(time))} (${zone}), ${time.replace('T', ' ').replace('Z', '')} UTC`;

/** A TIMESTAMP has no zone: its text ends without `Z`. Other values stay unchanged. */
export const withoutZone = (type: string, value: string): string =>
  /^TIMESTAMP(_(NS|MS|S))?$/.test(type) ? value.replace('T', ' ').replace(/(\.0+)?Z$/, '') : value;

/** Whether the values of a type are numbers. */
export const isNumeric = (type: string): boolean =>
  /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL)/.test(type) && !type.endsWith(']');

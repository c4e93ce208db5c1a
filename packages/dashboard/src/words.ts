const numberFormat = new Intl.NumberFormat('en');
const compact = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

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

import { busError } from '../errors.js';
import { visible } from '../visible.js';

/** The longest key that S3 takes, in bytes, root included. */
const maxKeyBytes = 900;

/**
 * Checks a key that this program is about to use: parts joined by `/`, none empty, none that begins
 * with a dot (which also keeps temporary names apart), no control characters.
 *
 * @throws BusError `UNSAFE_PATH`.
 */
export function checkKey(key: string): string {
  if (!isWellFormed(key) || /[\p{Cc}\\]/u.test(key) || key.split('/').some(part => part.startsWith('.')))
    throw unsafe(key);
  return key;
}

/**
 * Checks a key that {@link Objects.list} returned, which others may have chosen: it must not lead
 * out.
 *
 * @throws BusError `UNSAFE_PATH`.
 */
export function checkListedKey(key: string): string {
  if (!isRemovable(key)) throw unsafe(key);
  return key;
}

/** Whether {@link Objects.remove} takes a key that {@link Objects.list} returned. */
export const isRemovable = (key: string): boolean =>
  isWellFormed(key) && !key.split('/').some(part => part === '.' || part === '..');

/** Checks a prefix of keys: a key or nothing, with or without a `/` at its end. */
export function checkPrefix(prefix: string): string {
  if (prefix !== '') checkKey(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix);
  return prefix;
}

function isWellFormed(key: string): boolean {
  if (Buffer.byteLength(key) > maxKeyBytes || key.includes('\0') || /[\ud800-\udfff]/u.test(key)) return false;
  return key.split('/').every(part => part !== '');
}

const unsafe = (key: string) =>
  busError('UNSAFE_PATH', `${JSON.stringify(visible(key.slice(0, 200)))} is not a key of an object.`, {
    hint: 'Join non-empty parts by `/`. No part may begin with a dot or hold a control character or a backslash.',
  });

/** The order of S3: by the bytes of UTF-8, which differs from JavaScript's beyond U+FFFF. */
export const compareKeys = (a: string, b: string): number =>
  /[\ud800-\udfff]/.test(a) || /[\ud800-\udfff]/.test(b)
    ? Buffer.compare(Buffer.from(a), Buffer.from(b))
    : a < b
      ? -1
      : Number(a > b);

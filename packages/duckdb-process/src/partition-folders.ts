import { createHash } from 'node:crypto';

/** A function that returns the name of a partition's folder. */
export type NameFolder = (column: string, value: string | null) => string;

/**
 * Names folders `column-value`, and `column` for NULL. The files contain the column, so the names
 * are for people and patterns only. No name is `key=value`: readers would guess the type of such a
 * value, and prefer it to the column in the file. No name begins with `_` or `.`, because readers
 * skip such folders.
 *
 * Two values that differ only in case get names that differ in more: on a file system that ignores
 * case, they would be one folder. The second value gets each letter as `%41`.
 *
 * A name of more than 255 bytes, which most file systems refuse, is cut and ends with a hash.
 *
 * @param taken paths of the dataset's files. A value that has a folder keeps it.
 */
export function folderNames(taken: readonly string[]): NameFolder {
  const names = new Set(taken.flatMap(path => path.split('/').slice(0, -1)));
  const folded = new Set([...names].map(name => name.toLowerCase()));
  const take = (name: string): string => {
    names.add(name);
    folded.add(name.toLowerCase());
    return name;
  };
  return (column, value) => {
    const prefix = encoded(column).replace(/^[_.]/, hidden => hexOf(hidden.charCodeAt(0)));
    if (value === null) return cut(prefix);
    const plain = cut(`${prefix}-${encoded(value)}`);
    const escaped = cut(`${prefix}-${lettersEncoded(encoded(value))}`);
    if (names.has(plain)) return plain;
    return names.has(escaped) || folded.has(plain.toLowerCase()) ? take(escaped) : take(plain);
  };
}

const maxBytes = 255;
const hashDigits = 32;

/** No value has a `+` in its name. */
function cut(name: string): string {
  if (name.length <= maxBytes) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, hashDigits);
  return `${name.slice(0, maxBytes - hashDigits - 1).replace(/%.?$/, '')}+${hash}`;
}

const encoded = (value: string): string =>
  [...Buffer.from(value)].map(byte => (isPlain(byte) ? String.fromCharCode(byte) : hexOf(byte))).join('');

/** The same letter in the other case has other digits. */
const lettersEncoded = (text: string): string =>
  text.replace(/%..|[A-Za-z]/g, part => (part.length > 1 ? part : hexOf(part.charCodeAt(0))));

const isPlain = (byte: number): boolean => /[A-Za-z0-9_.~-]/.test(String.fromCharCode(byte));

const hexOf = (byte: number): string => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;

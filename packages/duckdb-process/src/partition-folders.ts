/** A function that returns the name of a partition's folder. */
export type NameFolder = (column: string, value: string | null) => string;

/** The name of the folder for NULL: pyarrow and Polars decode a name before they compare it. */
export const nullFolder = '__HIVE_DEFAULT_PARTITION__';

/**
 * Names folders `column=value`, as Hive does. Two values that differ only in case get names that
 * differ in more: on a file system that ignores case, they would be one folder, and readers would
 * take the rows of both for those of one value. The second value gets each letter as `%41`, which
 * readers decode as they decode all of `%`.
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
    // Readers look for this name as it is, so no value may have one that differs only in case.
    folded.add(`${column}=${nullFolder}`.toLowerCase());
    if (value === null) return `${column}=${nullFolder}`;
    const [plain, escaped] = [`${column}=${encoded(value)}`, `${column}=${lettersEncoded(encoded(value))}`];
    if (names.has(plain)) return plain;
    return names.has(escaped) || folded.has(plain.toLowerCase()) ? take(escaped) : take(plain);
  };
}

/** DuckDB takes the name `NULL`, in any case, for NULL, but not `%4EULL`. */
function encoded(value: string): string {
  const plain = [...Buffer.from(value)].map(byte => (isPlain(byte) ? String.fromCharCode(byte) : hexOf(byte))).join('');
  return plain.toUpperCase() === 'NULL' ? `${hexOf(plain.charCodeAt(0))}${plain.slice(1)}` : plain;
}

/** The same letter in the other case has other digits. */
const lettersEncoded = (text: string): string =>
  text.replace(/%..|[A-Za-z]/g, part => (part.length > 1 ? part : hexOf(part.charCodeAt(0))));

const isPlain = (byte: number): boolean => /[A-Za-z0-9_.~-]/.test(String.fromCharCode(byte));

const hexOf = (byte: number): string => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;

import { storageError } from './errors.js';

/** The names of the options of a type. The compiler wants all of them, and no other. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>;

/**
 * Returns options that are an object without a name that does not exist. A filter whose name is
 * misspelt would select everything.
 *
 * @throws StorageError `OPTIONS_INVALID`.
 */
export function knownOptions<T extends object>(given: T, names: OptionNames<T>): T {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw storageError('OPTIONS_INVALID', 'The options are not an object.');
  const unknown = Object.entries(given).filter(([name, value]) => value !== undefined && !Object.hasOwn(names, name));
  const [first] = unknown[0] ?? [];
  if (first === undefined) return given;
  throw storageError('OPTIONS_INVALID', `There is no option ${first}.`, {
    details: unknown.map(([name]) => `${name}: is none of ${Object.keys(names).join(', ')}`),
  });
}

/**
 * Returns a text that is one.
 *
 * @param of the subject of the error message: "The path".
 * @throws StorageError `OPTIONS_INVALID`.
 */
export function mustBeText(text: string, of: string): string {
  if (typeof text === 'string') return text;
  throw storageError('OPTIONS_INVALID', `${of} is not a text.`);
}

import { maxManifestDepth } from '../manifest.js';

/** The place in a value that JSON would change, and how. */
export interface JsonProblem {
  path: (string | number)[];
  message: string;
}

/**
 * Finds the first part of a value that JSON would change. An undefined property counts as absent.
 * An object with `toJSON` counts as its result (a Date as ISO 8601).
 */
export function jsonProblem(value: unknown): JsonProblem | undefined {
  return problemIn(value, []);
}

function problemIn(value: unknown, path: (string | number)[]): JsonProblem | undefined {
  if (path.length > maxManifestDepth) return tooDeep(value); // the manifest is refused later, unless it cannot even be written
  switch (typeof value) {
    case 'boolean':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : { path, message: `is ${value}, which JSON has no number for` };
    case 'string':
      return value.isWellFormed()
        ? undefined
        : { path, message: 'has half of a surrogate pair, which is not a character' };
    case 'object':
      return value === null ? undefined : problemInObject(value, path);
    default:
      return {
        path,
        message: `is ${typeof value === 'bigint' ? `${value}n, a bigint` : typeof value}, which JSON does not have`,
      };
  }
}

function tooDeep(value: unknown): JsonProblem | undefined {
  try {
    JSON.stringify(value);
    return undefined;
  } catch (error) {
    return { path: [], message: `cannot be written as JSON (${(error as Error).message.split('\n')[0]})` };
  }
}

function problemInObject(value: object, path: (string | number)[]): JsonProblem | undefined {
  if (value instanceof Date && Number.isNaN(value.getTime())) return { path, message: 'is an invalid Date' };
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    const json = value.toJSON(path.at(-1) ?? '');
    // JSON calls toJSON only once. A result that has a toJSON too would be written as a plain
    // object.
    if (typeof json !== 'object' || json === null || !('toJSON' in json)) return problemIn(json, path);
    return { path, message: 'has a toJSON whose answer has a toJSON again' };
  }
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const problem = problemIn(value[index], [...path, index]);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
  if (![Object.prototype, null].includes(Object.getPrototypeOf(value)))
    return { path, message: `is a ${value.constructor?.name ?? 'class instance'}; give a plain object or an array` };
  for (const [key, item] of Object.entries(value)) {
    if (!key.isWellFormed()) return { path, message: 'has a key with half of a surrogate pair' };
    if (item === undefined) continue;
    const problem = problemIn(item, [...path, key]);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

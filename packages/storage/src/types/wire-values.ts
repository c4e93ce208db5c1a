import { storageError } from '../errors.js';
import { emptyRecordFor } from './decode.js';
import type { Value } from './mapping.js';

/** Values nest at most this deep, so that no text can exhaust the stack. */
const maxDepth = 64;

/**
 * Returns a value as JSON from which {@link decodeValue} restores it exactly. What JSON has stays
 * as it is; everything else is a list that begins with its kind.
 */
export function encodeValue(value: unknown): unknown {
  switch (typeof value) {
    case 'bigint':
      return ['bigint', String(value)];
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : ['number', Object.is(value, -0) ? '-0' : String(value)];
    case 'object':
      return value === null ? null : encodeObject(value);
    case 'undefined':
      return null;
    default:
      return value;
  }
}

function encodeObject(value: object): unknown {
  if (value instanceof Date) return ['date', Number.isNaN(value.getTime()) ? null : value.getTime()];
  if (value instanceof Uint8Array) return ['bytes', Buffer.from(value).toString('base64')];
  if (Array.isArray(value)) return ['list', ...value.map(encodeValue)];
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return [
    value instanceof Map ? 'map' : 'struct',
    ...entries.map(([key, item]) => [encodeValue(key), encodeValue(item)]),
  ];
}

/**
 * Restores a value.
 *
 * @throws StorageError `OPTIONS_INVALID` for what {@link encodeValue} does not write.
 */
export function decodeValue(json: unknown, depth = 0): Value {
  if (json === null || ['boolean', 'number', 'string'].includes(typeof json)) return json as Value;
  if (!Array.isArray(json) || depth > maxDepth) throw malformed();
  const [kind, ...parts] = json as unknown[];
  const [part] = parts;
  switch (kind) {
    case 'bigint':
      return BigInt(text(part, /^-?\d{1,40}$/));
    case 'number':
      return Number(text(part, /^(NaN|-?Infinity|-0)$/));
    case 'date':
      return new Date(part === null ? Number.NaN : Number(part));
    case 'bytes':
      return new Uint8Array(Buffer.from(text(part, /^[A-Za-z0-9+/=]*$/), 'base64'));
    case 'list':
      return parts.map(item => decodeValue(item, depth + 1));
    case 'map':
      return new Map(entriesOf(parts, depth));
    case 'struct': {
      const entries = entriesOf(parts, depth).map(([name, item]) => [text(name, /^/), item] as const);
      const record = emptyRecordFor(entries.map(([name]) => name))();
      for (const [name, item] of entries) record[name] = item;
      return record;
    }
  }
  throw malformed();
}

const entriesOf = (parts: readonly unknown[], depth: number): [Value, Value][] =>
  parts.map(entry => {
    if (!Array.isArray(entry) || entry.length !== 2) throw malformed();
    return [decodeValue(entry[0], depth + 1), decodeValue(entry[1], depth + 1)];
  });

function text(part: unknown, pattern: RegExp): string {
  if (typeof part !== 'string' || !pattern.test(part)) throw malformed();
  return part;
}

const malformed = () => storageError('OPTIONS_INVALID', 'A value is not written as the bus writes values.');

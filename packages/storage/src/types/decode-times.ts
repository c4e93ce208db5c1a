import { storageError } from '../errors.js';
import { timeText } from './formats.js';
import type { TypeMapping, Value } from './mapping.js';
import { type Vector, vectorBytes } from './vector-memory.js';

type ReadAt = (index: number) => Value;

const twoTo32 = 4294967296;
const safeHigh = 2 ** 21; // |high word| below this: the 64-bit integer is within ±2^53

/** Returns the integers of 64 or 128 bits of a vector. */
export function bigintsOf(
  vector: Vector,
  count: number,
  bytesPerItem: 8 | 16,
  signed: boolean,
): (index: number) => bigint {
  const bytes = vectorBytes(vector, count * bytesPerItem);
  const words = (count * bytesPerItem) / 8;
  const low = new BigUint64Array(bytes.buffer, bytes.byteOffset, words);
  const top = signed ? new BigInt64Array(bytes.buffer, bytes.byteOffset, words) : low;
  return bytesPerItem === 8 ? i => top[i]! : i => (top[2 * i + 1]! << 64n) | low[2 * i]!;
}

/**
 * Returns a reader of 64-bit integers that creates no bigint. The reader combines both halves into
 * a number, and returns undefined for an integer that is too large.
 */
export function halvesOf(vector: Vector, count: number, signed: boolean): (index: number) => number | undefined {
  const bytes = vectorBytes(vector, count * 8);
  const low = new Uint32Array(bytes.buffer, bytes.byteOffset, count * 2);
  const high = signed ? new Int32Array(bytes.buffer, bytes.byteOffset, count * 2) : low;
  return i => {
    const upper = high[2 * i + 1]!;
    return upper < safeHigh && upper >= -safeHigh + 1 ? upper * twoTo32 + low[2 * i]! : undefined;
  };
}

/** Returns times of day as text, from microseconds (6 digits of a second) or nanoseconds (9). */
export const times =
  (digits: 6 | 9, column: string) =>
  (vector: Vector, count: number): ReadAt => {
    const raw = bigintsOf(vector, count, 8, true);
    return i => checkedTime(raw(i), digits, column);
  };

/**
 * Returns the text of a time of day. @throws StorageError `VALUE_UNREPRESENTABLE` for a time
 * outside of a day, which other writers can produce.
 */
export function checkedTime(since: bigint, digits: 6 | 9, column: string): string {
  if (since >= 0n && since <= 86_400n * 10n ** BigInt(digits)) return timeText(since, digits);
  throw storageError('VALUE_UNREPRESENTABLE', `The column ${column} has a time that is not within a day.`, {
    details: [`${since} ${digits === 6 ? 'microseconds' : 'nanoseconds'} since midnight`],
    hint: 'Correct the program that writes the file: a TIME is from 00:00:00 to 24:00:00.',
  });
}

const maxDateMs = 8.64e15;

/** Returns a decoder of timestamps, which count units of this many nanoseconds. */
export function timestamps(unitNanos: bigint, { timestamp }: Required<TypeMapping>, column: string) {
  return (vector: Vector, count: number): ReadAt => {
    const raw = bigintsOf(vector, count, 8, true);
    if (timestamp === 'nanos') return i => (isInfinite(raw(i)) ? raw(i) : raw(i) * unitNanos);
    if (timestamp === 'micros')
      return unitNanos === 1000n ? raw : i => (isInfinite(raw(i)) ? raw(i) : exactMicros(raw(i) * unitNanos, column));
    const slow: ReadAt = i => {
      const ms = Number(floorDivide(raw(i) * unitNanos, 1_000_000n));
      if (Math.abs(ms) > maxDateMs || isInfinite(raw(i)))
        throw storageError('VALUE_UNREPRESENTABLE', `The column ${column} has a timestamp that a Date cannot hold.`, {
          details: [isInfinite(raw(i)) ? 'it is infinite' : `${raw(i) * unitNanos} nanoseconds since 1970`],
          hint: "Read with timestamp: 'micros'.",
        });
      return new Date(ms);
    };
    if (unitNanos !== 1000n) return slow;
    const small = halvesOf(vector, count, true);
    return i => {
      const value = small(i);
      if (value === undefined) return slow(i);
      const rest = value % 1000; // exact, where value / 1000 could round up to the next millisecond
      return new Date((value - (rest < 0 ? rest + 1000 : rest)) / 1000);
    };
  };
}

function exactMicros(nanos: bigint, column: string): bigint {
  if (nanos % 1000n === 0n) return nanos / 1000n;
  throw storageError(
    'VALUE_UNREPRESENTABLE',
    `The column ${column} has a timestamp that is finer than a microsecond.`,
    {
      details: [`${nanos} nanoseconds since 1970`],
      hint: "Read with timestamp: 'nanos'.",
    },
  );
}

/** Whether the integer of a timestamp means an infinity. */
export const isInfinite = (raw: bigint): boolean => raw === 2n ** 63n - 1n || raw === -(2n ** 63n - 1n);

const floorDivide = (value: bigint, by: bigint): bigint =>
  value < 0n && value % by !== 0n ? value / by - 1n : value / by;

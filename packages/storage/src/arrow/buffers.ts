import { bigintsOf } from '../types/decode-times.js';
import { entryReader, type Vector, vectorBytes, vectorValidity } from '../types/vector-memory.js';

/** The values of a vector to encode: all `size` of them, or those at some places. */
export interface Chosen {
  size: number;
  at?: Int32Array | undefined;
}

/** The buffers of a column's part of a record batch, as flechette writes them. */
export interface ArrowBatch {
  /** flechette looks here for dictionaries, and there are none. */
  type: typeof noDictionary;
  length: number;
  nullCount: number;
  validity: Uint8Array;
  values?: Uint8Array;
  offsets?: Int32Array;
  children?: ArrowBatch[];
}

/** Encodes the chosen values of a vector. */
export type Encoder = (vector: Vector, chosen: Chosen) => ArrowBatch;

const noDictionary = { typeId: 0 };
const none = new Uint8Array(0);
const maxTextBytes = 2 ** 31 - 1;

/** Returns the number of chosen values. */
export const countOf = ({ size, at }: Chosen): number => at?.length ?? size;

/** Returns the validity bitmap, whose layout DuckDB and Arrow share. It is empty without NULL. */
export function nullsOf(vector: Vector, chosen: Chosen): ArrowBatch {
  const length = countOf(chosen);
  const mask = vectorValidity(vector, chosen.size);
  if (mask === null) return withoutNulls(length);
  const validity = new Uint8Array(Math.ceil(length / 8));
  let valid = 0;
  for (let i = 0; i < length; i++) {
    const from = chosen.at?.[i] ?? i;
    if (((mask[from >> 3]! >> (from & 7)) & 1) === 0) continue;
    validity[i >> 3]! |= 1 << (i & 7);
    valid++;
  }
  return valid === length ? withoutNulls(length) : { type: noDictionary, length, nullCount: length - valid, validity };
}

/** Returns a batch of values that are not NULL. */
export const withoutNulls = (length: number): ArrowBatch => ({
  type: noDictionary,
  length,
  nullCount: 0,
  validity: none,
});

/** Returns a batch of the type that only has NULL. */
export const allNull: Encoder = (_, chosen) => ({ ...withoutNulls(countOf(chosen)), nullCount: countOf(chosen) });

/** Whether a value of a batch is not NULL. */
export const isValid = ({ nullCount, validity }: Pick<ArrowBatch, 'nullCount' | 'validity'>, index: number): boolean =>
  nullCount === 0 || ((validity[index >> 3]! >> (index & 7)) & 1) === 1;

/** Encodes values of a fixed size that DuckDB and Arrow write alike. NULL is written as zero. */
export const sameBytes =
  (size: number): Encoder =>
  (vector, chosen) => {
    const batch = nullsOf(vector, chosen);
    const bytes = vectorBytes(vector, chosen.size * size);
    const values = new Uint8Array(batch.length * size);
    if (chosen.at === undefined) values.set(bytes);
    else
      for (const [i, from] of chosen.at.entries()) values.set(bytes.subarray(from * size, (from + 1) * size), i * size);
    // DuckDB leaves any bytes of its memory there.
    if (batch.nullCount > 0)
      for (let i = 0; i < batch.length; i++) if (!isValid(batch, i)) values.fill(0, i * size, (i + 1) * size);
    return { ...batch, values };
  };

/** Encodes values of a fixed size one by one. `write` gets each value that is not NULL. */
export const converted =
  (
    from: number,
    to: number,
    write: (value: DataView, values: DataView, at: number) => void,
    encode = sameBytes(from),
  ): Encoder =>
  (vector, chosen) => {
    const { values: given = none, ...batch } = encode(vector, chosen);
    const values = new Uint8Array(batch.length * to);
    const [source, target] = [new DataView(given.buffer, given.byteOffset), new DataView(values.buffer)];
    for (let i = 0; i < batch.length; i++)
      if (isValid(batch, i)) write(new DataView(source.buffer, source.byteOffset + i * from, from), target, i * to);
    return { ...batch, values };
  };

/** Encodes values as they are, after each has passed a check. */
export const checked =
  (bytes: 8 | 16, isSigned: boolean, check: (value: bigint) => void): Encoder =>
  (vector, chosen) => {
    const batch = sameBytes(bytes)(vector, chosen);
    const read = bigintsOf(vector, chosen.size, bytes, isSigned);
    for (let i = 0; i < batch.length; i++) if (isValid(batch, i)) check(read(chosen.at?.[i] ?? i));
    return batch;
  };

/** Encodes BOOLEAN: a byte of DuckDB is a bit of Arrow. */
export const bits: Encoder = (vector, chosen) => {
  const { values: bytes = none, ...batch } = sameBytes(1)(vector, chosen);
  const values = new Uint8Array(Math.ceil(batch.length / 8));
  for (let i = 0; i < batch.length; i++) if (bytes[i] !== 0) values[i >> 3]! |= 1 << (i & 7);
  return { ...batch, values };
};

/** Encodes texts or blobs. `tooLong` throws for a batch of more than 2 GiB. */
export const texts =
  (readerOf: (vector: Vector, size: number) => (index: number) => Uint8Array, tooLong: () => never): Encoder =>
  (vector, chosen) => {
    const batch = nullsOf(vector, chosen);
    const read = readerOf(vector, chosen.size);
    const parts: Uint8Array[] = [];
    const offsets = new Int32Array(batch.length + 1);
    let bytes = 0;
    for (let i = 0; i < batch.length; i++) {
      if (isValid(batch, i)) {
        const part = read(chosen.at?.[i] ?? i);
        parts.push(part);
        bytes += part.byteLength;
      }
      if (bytes > maxTextBytes) tooLong();
      offsets[i + 1] = bytes;
    }
    return { ...batch, offsets, values: Buffer.concat(parts, bytes) };
  };

/** Reads texts and blobs where DuckDB has them. */
export const inMemory = (vector: Vector, size: number): ((index: number) => Uint8Array) =>
  entryReader(vector, size, bytes => bytes);

import duckdb from '@duckdb/node-bindings';

/**
 * A column's part of one chunk. DuckDB owns its memory: copy values out before the chunk is
 * released.
 */
export type Vector = duckdb.Vector;

const nothing = new Uint8Array(0);

/** Returns the values of a vector as bytes. */
export const vectorBytes = (vector: Vector, byteCount: number): Uint8Array =>
  byteCount === 0 ? nothing : duckdb.vector_get_data(vector, byteCount);

/**
 * Returns the validity mask: a set bit marks a value, a cleared bit a NULL. Returns null if there
 * is no NULL.
 */
export function vectorValidity(vector: Vector, count: number): Uint8Array | null {
  if (count === 0) return null;
  // The binding's type does not say that the mask is null if there is no NULL.
  return (duckdb.vector_get_validity(vector, Math.ceil(count / 64) * 8) as Uint8Array | null) ?? null;
}

/** Reads each value, or null where the mask has no bit. */
export function readEach<T>(count: number, validity: Uint8Array | null, read: (index: number) => T): (T | null)[] {
  const values = new Array<T | null>(count);
  if (validity === null) for (let i = 0; i < count; i++) values[i] = read(i);
  else for (let i = 0; i < count; i++) values[i] = (validity[i >> 3]! >> (i & 7)) & 1 ? read(i) : null;
  return values;
}

const entryBytes = 16;
const inlineBytes = 12;
const cacheSize = 256;

/**
 * Returns a reader of a vector's strings or blobs. Each entry has 16 bytes: the length, then the
 * bytes themselves if they are at most 12, else four of them and a pointer. Equal entries are equal
 * values, so a value that repeats within the chunk is decoded once.
 */
export function entryReader<T>(vector: Vector, count: number, make: (bytes: Buffer) => T): (index: number) => T {
  const bytes = vectorBytes(vector, count * entryBytes);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const cachedWords = new Int32Array(cacheSize * 4);
  const cached = new Array<T | undefined>(cacheSize).fill(undefined);
  return index => {
    const at = index * 4;
    const [w0, w1, w2, w3] = [words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!];
    const slot =
      (Math.imul(w0 ^ Math.imul(w1, 31) ^ Math.imul(w2, 131) ^ Math.imul(w3, 1031), 0x9e3779b1) >>> 24) & 255;
    const key = slot * 4;
    const hit = cached[slot];
    if (
      hit !== undefined &&
      cachedWords[key] === w0 &&
      cachedWords[key + 1] === w1 &&
      cachedWords[key + 2] === w2 &&
      cachedWords[key + 3] === w3
    )
      return hit;
    const start = index * entryBytes;
    const value = make(entryBuffer(bytes, buffer, start, w0 >>> 0));
    cachedWords[key] = w0;
    cachedWords[key + 1] = w1;
    cachedWords[key + 2] = w2;
    cachedWords[key + 3] = w3;
    cached[slot] = value;
    return value;
  };
}

function entryBuffer(bytes: Uint8Array, buffer: Buffer, start: number, length: number): Buffer {
  if (length <= inlineBytes) return buffer.subarray(start + 4, start + 4 + length);
  const far = duckdb.get_data_from_pointer(bytes.buffer as ArrayBuffer, bytes.byteOffset + start + 8, length);
  return Buffer.from(far.buffer, far.byteOffset, far.byteLength);
}

/** Returns the vector of a list's elements, and their number. */
export const listElements = (vector: Vector): { vector: Vector; count: number } => ({
  vector: duckdb.list_vector_get_child(vector),
  count: duckdb.list_vector_get_size(vector),
});

/** Returns the vector of one of a struct's fields. */
export const structField = (vector: Vector, index: number): Vector => duckdb.struct_vector_get_child(vector, index);

/** Returns the vector of the elements of all arrays, one after the other. */
export const arrayElements = (vector: Vector): Vector => duckdb.array_vector_get_child(vector);

/** Returns the vector of a chunk's column. */
export const columnVector = (chunk: duckdb.DataChunk, index: number): Vector =>
  duckdb.data_chunk_get_vector(chunk, index);

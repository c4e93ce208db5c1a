/**
 * Reads Thrift's compact protocol without trusting it. Claimed lengths and counts allocate nothing,
 * every read is checked against the end, and unknown fields are skipped. The work is linear in the
 * bytes. Format: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
const maxDepth = 64;
/**
 * Larger numbers read as infinite: no file has so many bytes or rows, and a double would round
 * them.
 */
const tooLarge = 2 ** 52;

/** Keeps a byte order mark, which is a part of a name like any other character. */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** The wire types of a field. A boolean field has no content: its type is its value. */
export const wireType = { true: 1, false: 2, i8: 3, i16: 4, i32: 5, i64: 6, double: 7, binary: 8, list: 9, struct: 12 };

/** Thrown for malformed bytes. */
export class ThriftError extends Error {}

/** Reads a field of a struct, given the wire type in its header. */
export type FieldReader = (type: number) => void;

/**
 * A field with one wire type. Other readers would skip another type and see a file without the
 * field, so another type is an error.
 */
export const field =
  (expected: number, read: FieldReader): FieldReader =>
  type => {
    if (type !== expected) throw new ThriftError(`a field has the wire type ${type} instead of ${expected}`);
    read(type);
  };

/** A boolean field, whose wire type is its value. */
export const flag =
  (read: (value: boolean) => void): FieldReader =>
  type => {
    if (type !== wireType.true && type !== wireType.false)
      throw new ThriftError(`a field has the wire type ${type} instead of a boolean's`);
    read(type === wireType.true);
  };

/** A position in a footer, and the reads that move it. */
export class ThriftReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The position of the next read; {@link at} goes back to one. */
  get offset(): number {
    return this.#offset;
  }

  /** Returns a reader at an earlier offset. */
  at(offset: number): this {
    this.#offset = offset;
    return this;
  }

  /** A copy of the bytes from an earlier offset to here. */
  bytesFrom(offset: number): Buffer {
    return Buffer.from(this.#bytes.subarray(offset, this.#offset));
  }

  /** Skips these bytes if they come next, and returns whether they did. */
  skipBytes(bytes: Uint8Array): boolean {
    const end = this.#offset + bytes.length;
    if (end > this.#bytes.length) return false;
    const comes = Buffer.compare(this.#bytes.subarray(this.#offset, end), bytes) === 0;
    if (comes) this.#offset = end;
    return comes;
  }

  /** Reads a struct. `fields[id]` must read its field. Other fields are skipped. */
  struct(fields: Record<number, FieldReader>, depth = 0): void {
    for (let id = 0; ; ) {
      const byte = this.#byte();
      const type = byte & 0x0f;
      if (type === 0) return;
      id = byte >> 4 === 0 ? this.i32() : id + (byte >> 4);
      const read = fields[id];
      if (read === undefined) this.skip(type, depth + 1);
      else read(type);
    }
  }

  /**
   * Reads the head of a list with elements of one type, and returns their number: at most one per
   * byte.
   */
  listOf(elementType: number): number {
    const { size, type } = this.#listHead();
    if (type !== elementType && size > 0) throw new ThriftError(`a list has elements of type ${type}`);
    return size;
  }

  /** Reads a number of up to 32 bits. */
  i32(): number {
    const value = this.i64();
    if (value < -(2 ** 31) || value >= 2 ** 31) throw new ThriftError('a number has more than 32 bits');
    return value;
  }

  /** Reads a number of up to 64 bits; ±Infinity from 2^52 on. */
  i64(): number {
    const encoded = this.#varint();
    const value = encoded % 2 === 1 ? -(encoded + 1) / 2 : encoded / 2;
    return Math.abs(value) < tooLarge ? value : value < 0 ? -Infinity : Infinity;
  }

  i8(): number {
    return (this.#byte() << 24) >> 24;
  }

  text(): string {
    const length = this.#varint();
    const begin = this.#advance(length);
    return utf8.decode(this.#bytes.subarray(begin, begin + length));
  }

  /** Skips a value. */
  skip(type: number, depth = 0): void {
    if (depth > maxDepth) throw new ThriftError(`something is nested more than ${maxDepth} levels deep`);
    switch (type) {
      case wireType.true:
      case wireType.false:
        return;
      case wireType.i8:
        this.#advance(1);
        return;
      case wireType.i16:
      case wireType.i32:
      case wireType.i64:
        this.#varint();
        return;
      case wireType.double:
        this.#advance(8);
        return;
      case wireType.binary:
        this.#advance(this.#varint());
        return;
      case wireType.list: {
        const { size, type: elementType } = this.#listHead();
        // In a list a boolean is a byte of its own.
        const skipType = elementType <= wireType.false ? wireType.i8 : elementType;
        for (let i = 0; i < size; i++) this.skip(skipType, depth + 1);
        return;
      }
      case wireType.struct:
        this.struct({}, depth);
        return;
      default:
        throw new ThriftError(`there is no wire type ${type} in a Parquet footer`);
    }
  }

  #listHead(): { size: number; type: number } {
    const byte = this.#byte();
    const size = byte >> 4 === 15 ? this.#varint() : byte >> 4;
    if (size > this.#bytes.length - this.#offset) throw new ThriftError(`a list claims ${size} elements`);
    return { size, type: byte & 0x0f };
  }

  #byte(): number {
    return this.#bytes[this.#advance(1)] as number;
  }

  /** Reads an unsigned number of at most ten bytes, exact below 2^53. */
  #varint(): number {
    let value = 0;
    for (let i = 0, unit = 1; i < 10; i++, unit *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
    }
    throw new ThriftError('a number has more than ten bytes');
  }

  /** Returns the start of `length` bytes, and skips them. */
  #advance(length: number): number {
    const begin = this.#offset;
    if (length > this.#bytes.length - begin) throw new ThriftError('it ends in the middle of a value');
    this.#offset += length;
    return begin;
  }
}

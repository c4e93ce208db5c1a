/**
 * Builds footers byte by byte, so that they can make claims that no writer would make. The builder
 * of a value determines its wire type.
 */
const typeOf = new WeakMap<Buffer, number>();
const types = { true: 1, false: 2, i32: 5, i64: 6, binary: 8, list: 9, struct: 12 } as const;

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  for (; value >= 128n; value >>= 7n) bytes.push(Number(value & 127n) | 128);
  return [...bytes, Number(value)];
}

const zigzag = (value: bigint): bigint => (value >= 0n ? value * 2n : -value * 2n - 1n);

function typed(type: keyof typeof types, bytes: Buffer): Buffer {
  typeOf.set(bytes, types[type]);
  return bytes;
}

/** Values of Thrift's compact protocol. */
export const compact = {
  /** A boolean field: its wire type is its value. */
  yes: () => typed('true', Buffer.alloc(0)),
  no: () => typed('false', Buffer.alloc(0)),
  i32: (value: number) => typed('i32', Buffer.from(varint(zigzag(BigInt(value))))),
  i64: (value: number) => typed('i64', Buffer.from(varint(zigzag(BigInt(value))))),
  text: (text: string) =>
    typed('binary', Buffer.concat([Buffer.from(varint(BigInt(Buffer.byteLength(text)))), Buffer.from(text)])),
  list: (type: keyof typeof types, items: readonly Buffer[]) =>
    typed('list', Buffer.concat([Buffer.from([0xf0 | types[type], ...varint(BigInt(items.length))]), ...items])),
  struct: (...fields: (readonly [id: number, value: Buffer])[]) =>
    typed(
      'struct',
      Buffer.concat([
        ...fields.flatMap(([id, value]) => [
          Buffer.from([typeOf.get(value) ?? 0, ...varint(zigzag(BigInt(id)))]),
          value,
        ]),
        Buffer.from([0]),
      ]),
    ),
};

/** A file with 8 bytes of data and the given footer. */
export function parquetFile(footer: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  return Buffer.concat([Buffer.from('PAR1'), Buffer.alloc(8), footer, length, Buffer.from('PAR1')]);
}

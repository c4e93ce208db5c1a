import { field, ThriftError, ThriftReader, wireType } from './thrift.js';

/** Returns bytes of a file. The file has them. */
export type ReadBytes = (position: number, length: number) => Uint8Array;

/** A Bloom filter consists of blocks of this size. */
const blockBytes = 32;
/** Writers need less than half of this for the header. */
const maxHeaderBytes = 64;

/**
 * Checks that a Bloom filter lies inside its file and has at least one block. DuckDB trusts the
 * size in the header, and reads the filter only for some conditions: an empty filter ends the
 * process of a reader, and a filter that is too long fails its query.
 *
 * @param data the file's data: everything before the footer.
 * @param at the place that the footer gives.
 * @param bytes the size that the footer gives; 0 if it gives none.
 * @throws ThriftError
 */
export function checkBloomFilter(data: { end: number; read: ReadBytes }, at: number, bytes: number): void {
  if (!(at >= 4 && at < data.end && bytes >= 0 && at + bytes <= data.end)) throw outside();
  const header = new ThriftReader(data.read(at, Math.min(maxHeaderBytes, data.end - at)));
  let filterBytes = 0;
  header.struct({
    1: field(wireType.i32, () => {
      filterBytes = header.i32();
    }),
  });
  if (filterBytes <= 0 || filterBytes % blockBytes !== 0)
    throw new ThriftError(`a Bloom filter claims ${filterBytes} bytes, which are no blocks of ${blockBytes}`);
  if (at + header.offset + filterBytes > data.end) throw outside();
}

const outside = () => new ThriftError('a Bloom filter lies outside of the file, which is cut off or damaged');

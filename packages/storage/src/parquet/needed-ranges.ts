import { foldName } from '@quantbot/infra/bus';
import { type ColumnChunk, type FileMetaData, parquetMetadata, parquetSchema, type SchemaTree } from 'hyparquet';

/** Bytes of a file; `end` is exclusive. */
export interface Range {
  start: number;
  end: number;
}

/** Ranges that lie closer together become one request. */
const maxGap = 256 * 1024;
/** Some writers do not count the header of the dictionary. */
const afterChunk = 4096;
/** A Bloom filter's header is smaller. */
const bloomHeaderBytes = 64;

/**
 * Returns where the data of these columns lies; undefined if only the whole file has it for sure.
 *
 * @param footer the end of the file, with the whole footer.
 */
export function columnRanges(footer: Uint8Array<ArrayBuffer>, columns: readonly string[]): Range[] | undefined {
  const metadata = metadataIn(footer);
  if (metadata === undefined) return undefined;
  const { children } = parquetSchema(metadata);
  const names = children.map(({ element }) => foldName(element.name));
  const asked = new Set(columns.map(foldName));
  // DuckDB renames columns with equal names.
  if (new Set(names).size < names.length || [...asked].some(name => !names.includes(name))) return undefined;
  const isAsked = children.flatMap((child, index) => leaves(child).map(() => asked.has(names[index]!)));
  return chunksIn(metadata)
    .filter(({ leaf }) => isAsked[leaf])
    .map(({ data }) => {
      const starts = [data.data_page_offset, data.dictionary_page_offset, data.index_page_offset].map(Number);
      const start = Math.min(...starts.filter(at => at > 0));
      return { start, end: start + Number(data.total_compressed_size) + afterChunk };
    })
    .filter(({ start }) => Number.isFinite(start));
}

/** Returns where the headers of Bloom filters lie, as {@link columnRanges}. */
export function bloomRanges(footer: Uint8Array<ArrayBuffer>): Range[] | undefined {
  const metadata = metadataIn(footer);
  return (
    metadata &&
    chunksIn(metadata)
      .map(({ data }) => Number(data.bloom_filter_offset ?? 0))
      .filter(at => at > 0)
      .map(start => ({ start, end: start + bloomHeaderBytes }))
  );
}

/** Returns the ranges below a size that are not there yet, few and in order. */
export function without(ranges: readonly Range[], have: readonly Range[], size: number): Range[] {
  const there = joined(have, 0);
  return joined(ranges, maxGap).flatMap(({ start, end: wanted }) => {
    const end = Math.min(wanted, size);
    const parts: Range[] = [];
    let from = start;
    for (const known of there) {
      if (known.end <= from || known.start >= end) continue;
      if (known.start > from) parts.push({ start: from, end: known.start });
      from = Math.max(from, known.end);
    }
    return from < end ? [...parts, { start: from, end }] : parts;
  });
}

function joined(ranges: readonly Range[], gap: number): Range[] {
  const result: Range[] = [];
  for (const { start, end } of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last !== undefined && start <= last.end + gap) last.end = Math.max(last.end, end);
    else result.push({ start, end });
  }
  return result;
}

/** Returns undefined for a footer that hyparquet cannot read. Its own check says what is wrong. */
function metadataIn({ buffer }: Uint8Array<ArrayBuffer>): FileMetaData | undefined {
  try {
    return parquetMetadata(buffer);
  } catch {
    return undefined;
  }
}

const leaves = (tree: SchemaTree): SchemaTree[] =>
  tree.children.length === 0 ? [tree] : tree.children.flatMap(leaves);

const chunksIn = (metadata: FileMetaData) =>
  metadata.row_groups.flatMap(({ columns }) =>
    columns.flatMap(({ meta_data: data }: ColumnChunk, leaf) => (data === undefined ? [] : [{ leaf, data }])),
  );

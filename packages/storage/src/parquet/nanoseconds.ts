/**
 * Finds columns with a time finer than a microsecond. DuckDB silently cuts such times if they have
 * a zone or are INT96, so another reader checks them, one column of one row group at a time.
 *
 * @returns the names of these columns.
 */
export async function findNanoseconds(paths: readonly string[], columns: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const path of columns.length === 0 ? [] : paths)
    for (const column of columns) if (!found.has(column) && (await isFine(path, column))) found.add(column);
  return [...found];
}

/** Stops reading a column once the answer is known. */
class Found extends Error {}

async function isFine(path: string, column: string): Promise<boolean> {
  // Loaded for the few columns that need it.
  const { asyncBufferFromFile, parquetMetadataAsync, parquetRead } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  const timestampFromNanoseconds = (nanoseconds: bigint): number => {
    if (nanoseconds % 1000n !== 0n) throw new Found();
    return 0;
  };
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    try {
      // hyparquet's type requires all parsers; its code fills in missing ones.
      const parsers = { timestampFromNanoseconds } as unknown as import('hyparquet').ParquetParsers;
      await parquetRead({ file, metadata, columns: [column], rowStart, rowEnd, compressors, parsers });
    } catch (error) {
      if (error instanceof Found) return true;
      throw error;
    }
    rowStart = rowEnd;
  }
  return false;
}

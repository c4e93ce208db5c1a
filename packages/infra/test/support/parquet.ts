import { writeSmallParquet } from '../../src/parquet/small-writer.js';

/** Writes a small Parquet file with a column `n` that counts from `first`. */
export async function writeCounting(path: string, rows: number, first = 0): Promise<string> {
  await writeSmallParquet(path, {
    columns: { n: 'int64' },
    rows: Array.from({ length: rows }, (_, i) => ({ n: first + i })),
  });
  return path;
}

import { mkdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { round } from './results.js';

/** Files to ingest: all of the same size, each with different rows. */
export interface Workload {
  name: string;
  rows: number;
  /** Bytes of the first file; the others have about as many. */
  bytes: number;
  files: string[];
}

/** The sizes that are compared. */
export const sizes: Record<string, number> = { '1 KB': 12, '30 KB': 1000, '1 MB': 36_000, '100 MB': 3_600_000 };

/** Writes the files. A row has a time and three random prices, which do not compress. */
export async function makeFiles(
  folder: string,
  size: string,
  count: number,
  rows = sizes[size] as number,
): Promise<Workload> {
  const name = size.replace(' ', '');
  mkdirSync(folder, { recursive: true });
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  const files: string[] = [];
  for (let i = 0; i < count; i++) {
    const path = join(folder, `${name}-${i}.parquet`);
    await connection.run(
      `COPY (SELECT ${i}::BIGINT * 1000000000 + range AS ts, random() AS open, random() AS high, random() AS low FROM range(${rows})) TO '${path}' (FORMAT parquet, COMPRESSION uncompressed)`,
    );
    files.push(path);
  }
  connection.closeSync();
  instance.closeSync();
  return { name, rows, bytes: (await stat(files[0] as string)).size, files };
}

/** Distributes files among producers in turn. */
export const dealt = (files: readonly string[], producers: number): string[][] =>
  Array.from({ length: producers }, (_, p) => files.filter((_file, i) => i % producers === p));

/** Returns the figures of a workload from the time that it took. */
export const rates = (work: Workload, seconds: number) => ({
  artifacts: work.files.length,
  jobs_per_s: round(work.files.length / seconds),
  mb_per_s: round((work.files.length * work.bytes) / 1e6 / seconds),
});

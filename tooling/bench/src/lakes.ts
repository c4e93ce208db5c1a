import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { race, startProgram } from './program.js';
import { pythonProgram } from './python.js';
import type { Row } from './results.js';
import { measured, type Place, type Written, withReader } from './ways.js';
import { dealt, type Workload } from './workload.js';

/** Producers append to one Delta table. Nothing is flushed: neither files nor the log. */
export async function viaDelta({ folder }: Place, python: string, work: Workload, producers: number): Promise<Row> {
  mkdirSync(folder, { recursive: true });
  const table = join(folder, 'delta');
  const writer = (files: readonly string[]) =>
    startProgram<Written>(pythonProgram(python, 'delta_writer'), { table, files });
  await race([writer(work.files.slice(0, 1))]); // it creates the table
  return withReader(python, { delta: table }, () => measured(work, dealt(work.files, producers).map(writer)));
}

/**
 * One dlt pipeline loads the files, each in a run of its own, into DuckDB or into a folder. The
 * folder is not flushed.
 */
export async function viaDlt({ folder }: Place, python: string, work: Workload, to: 'DuckDB' | 'files'): Promise<Row> {
  mkdirSync(folder, { recursive: true });
  const written = join(folder, 'files');
  const database = to === 'DuckDB' ? { database: join(folder, 'bench.duckdb') } : {};
  const from = to === 'DuckDB' ? 'loaded.ticks' : `read_parquet('${written}/loaded/ticks/*.parquet')`;
  const count = `SELECT count(*) FROM ${from}`;
  return withReader(python, { ...database, sql: count }, () =>
    measured(work, [
      startProgram<Written>(pythonProgram(python, 'dlt_writer'), {
        ...database,
        folder: written,
        state: join(folder, 'state'),
        count,
        rows: work.files.length * work.rows,
        files: work.files,
      }),
    ]),
  );
}

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { TestBus } from './test-bus.js';

let count = 0;

/**
 * Writes the result of a SELECT as a Parquet file in a folder, and returns its path. `options` are
 * additional options of COPY.
 */
export async function writeSelect(folder: string, select: string, options = ''): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `file-${++count}.parquet`);
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: '256MB', threads: '1' });
  const connection = await instance.connect();
  try {
    await connection.run(`COPY (${select}) TO '${path.replaceAll("'", "''")}' (FORMAT parquet${options})`);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  return path;
}

/** Writes a SELECT's result like a producer: to a file outside of the bus root. */
export const produce = (bus: TestBus, select: string): Promise<string> =>
  writeSelect(join(bus.folder, 'produced'), select);

/** Returns a SELECT of rows with a column `n` from 0 to below `rows`, and more columns if given. */
export const numbers = (rows: number, more = ''): string => `SELECT range AS n${more} FROM range(${rows})`;

/**
 * A Parquet file that DuckDB would cut: its column `at` is a moment of UTC with nanoseconds,
 * 2023-11-14 22:13:20.123456789.
 */
export const fineParquet = Buffer.from(
  'UEFSMRUGFRAVFFwVAhUAFQIVABUAFQAAAAgcFc2FPf6clxcVBBksSAZzY2hlbWEVAgAVBCUAGAJhdGyMERw8AAAAAAAWAhkcGRwm' +
    'CBwVBBkVABkYAmF0FQIWAhY6Fj4mCDw2ACgIFc2FPf6clxcYCBXNhT3+nJcXABkcFQYVABUCAAAAFjoWAjY+ACgJaHlwYXJxdWV0' +
    'GRwcAAAAeQAAAFBBUjE=',
  'base64',
);

/** A Parquet file with two rows, whose column `x` has only NULLs and no other type. */
export const nullsParquet = Buffer.from(
  'UEFSMRUAFQwVDCwVBBUAFQYVBhwAAAACAAAABAAVBBksNQAYBnNjaGVtYRUCABUCJQIYAXhsvAAAABYEGRwZHCYAHBUCGSUG' +
    'ABkYAXgVABYEFjIWMiYISRwVABUAFQIAPCkGGSYEAAAAABYyFgQmCBYyACggcGFycXVldC1jcHAtYXJyb3cgdmVyc2lvbiAy' +
    'Ni4wLjEZHBwAAAB+AAAAUEFSMQ==',
  'base64',
);

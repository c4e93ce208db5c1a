import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { queryColumns } from '../from-duckdb.js';
import type { Random } from '../random.js';
import type { WrittenFile } from './javascript.js';

/** Values by type, in DuckDB's SQL. */
const values: Readonly<Record<string, string>> = {
  TINYINT: '-128, 127, 0',
  BIGINT: '-9223372036854775808, 9223372036854775807, 0',
  UBIGINT: '18446744073709551615, 9223372036854775808, 0',
  DOUBLE: `'nan', '-0.0', 'inf', '-inf', '0.1', '5e-324'`,
  FLOAT: `'nan', '-0.0', 'inf', '-inf', '0.1'`,
  VARCHAR: `'', 'NULL', 'ü😀', 'a' || chr(10) || 'b', 'q"uo,te'`,
  BLOB: String.raw`'', '\x00\xFF', 'abc'`,
  UUID: `'00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'`,
  DATE: `'2020-02-29', '0001-01-01', '9999-12-31', '-4000-01-01'`,
  TIME: `'00:00:00', '23:59:59.999999', '24:00:00'`,
  TIMESTAMP: `'2020-02-29 12:34:56.789012', '0001-01-01', '9999-12-31 23:59:59.999999'`,
  TIMESTAMP_NS: `'2020-02-29 12:34:56.789012345', '1700-01-01'`,
  TIMESTAMPTZ: `'2020-02-29 12:34:56.789012+00', '0001-01-01 00:00:00+00'`,
  'DECIMAL(4,1)': '-999.9, 0',
  'DECIMAL(18,2)': '-9999999999999999.99, 0.01',
  'DECIMAL(38,10)': '1234567890123456789012345678.0123456789',
  INTERVAL: `'1 month 2 days 3 hours', '0 days'`,
  'INTEGER[]': '[1, NULL], []',
  'STRUCT(a INTEGER, "b c" VARCHAR[])': `{'a': 1, 'b c': ['x']}, {'a': NULL, 'b c': NULL}`,
  'MAP(VARCHAR, DOUBLE[])': `MAP {'a': [1.5, -0.0], 'b': NULL}, MAP {}`,
  'STRUCT(m MAP(INTEGER, DATE[]))[]': `[{'m': MAP {1: [DATE '2020-01-01', NULL]}}, NULL], []`,
};

/**
 * Lets DuckDB write a file for each type, and one with all types. The values in DuckDB before the
 * write are the intended ones.
 */
export async function writeFilesOfDuckDb(folder: string, random: Random): Promise<WrittenFile[]> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const written: WrittenFile[] = [];
  try {
    for (const [name, list] of Object.entries(values)) {
      const compression = random.pick(['uncompressed', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4_raw']);
      // A dictionary would turn -0.0 into 0.0.
      const dictionary = /DOUBLE|FLOAT/.test(name) ? 0 : random.pick([0, 1000]);
      const how = `FORMAT parquet, PARQUET_VERSION ${random.pick(['V1', 'V2'])}, COMPRESSION ${compression}, DICTIONARY_SIZE_LIMIT ${dictionary}`;
      const file = `duckdb-${String(written.length).padStart(3, '0')}-${name.replaceAll(/\W+/g, '_').slice(0, 20)}.parquet`;
      await connection.run(`CREATE OR REPLACE TABLE v AS SELECT unnest([${list}, NULL]::${name}[]) AS c`);
      await connection.run(`COPY v TO '${join(folder, file)}' (${how})`);
      const columns = (await queryColumns(connection, 'FROM v')).map(column => ({
        ...column,
        type: String(column.type),
      }));
      written.push({ case: { file, writer: 'duckdb', how, refusable: {} }, columns });
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  return written;
}

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { databaseOfBus } from '../test/support/database.js';
import { temporaryFolder } from '../test/support/folder.js';
import {
  type Catalog,
  openCatalog,
  openDuckDb,
  publishTables,
  readParquet,
  readParquetColumns,
  scanParquet,
  writeParquet,
} from './index.js';

/** JavaScript passes anything. */
type Anything = never;

async function sample(): Promise<string> {
  const path = join(temporaryFolder(), 'a.parquet');
  await writeParquet(path, [{ a: 1 }], { a: 'BIGINT' });
  return path;
}

const first = async (scan: AsyncIterable<unknown>) => {
  for await (const _ of scan) break;
};

test.each<[string, (path: string) => unknown]>([
  ['readParquet', path => readParquet(path, { column: ['a'] } as Anything)],
  ['readParquet, of null', path => readParquet(path, null as Anything)],
  ['readParquet, of nothing', () => readParquet(undefined as Anything)],
  ['readParquet, of a number', () => readParquet(1 as Anything)],
  ['readParquetColumns', path => readParquetColumns(path, { typedArray: true } as Anything)],
  ['scanParquet', path => first(scanParquet(path, { batch: 5 } as Anything))],
  ['scanParquet, of nothing', () => first(scanParquet(undefined as Anything))],
  ['writeParquet', path => writeParquet(path, [{ a: 1 }], { a: 'BIGINT' }, { codec: 'zstd' } as Anything)],
  ['writeParquet, of nothing', () => writeParquet(undefined as Anything, [], { a: 'BIGINT' })],
  ['writeParquet, without data', path => writeParquet(path, undefined as Anything, { a: 'BIGINT' })],
  ['openDuckDb', path => openDuckDb(path, { readonly: true } as Anything)],
  ['openDuckDb, of nothing', () => openDuckDb(undefined as Anything)],
  ['openCatalog', () => openCatalog({ duckDbPath: 'x' } as Anything)],
  ['openCatalog, of null', () => openCatalog(null as Anything)],
  ['publishTables', () => publishTables(undefined as Anything)],
])('%s refuses what does not exist', async (_, call) => {
  const path = await sample();
  await expect((async () => call(path))()).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
});

test('a schema that is missing says so', async () => {
  await expect(writeParquet('x.parquet', [], undefined as Anything)).rejects.toMatchObject({ code: 'SCHEMA_INVALID' });
});

test.each<[string, (catalog: Catalog) => unknown]>([
  ['artifacts', catalog => catalog.artifacts({ producers: 'a' } as Anything)],
  ['artifacts, of a number', catalog => catalog.artifacts(5 as Anything)],
  ['jobs', catalog => catalog.jobs({ state: 'rejected' } as Anything)],
  ['runs', catalog => catalog.runs({ producer: 'a' } as Anything)],
  ['count', catalog => catalog.count('jobs', { state: 'rejected' } as Anything)],
  ['count, of another list', catalog => catalog.count('toString' as Anything)],
  ['latest', catalog => catalog.latest({ producer: 'a', kind: 'b', artifact: 'c' } as Anything)],
  ['latest, without a kind', catalog => catalog.latest({ producer: 'a' } as Anything)],
  ['lineage', catalog => catalog.lineage('a', { steps: 2 } as Anything)],
  ['watch', async catalog => first(catalog.watch({ from: 1 } as Anything))],
  ['query', catalog => catalog.query(undefined as Anything)],
  ['query, with options', catalog => catalog.query('SELECT 1', [], { timeout: 5 } as Anything)],
])('%s of a catalog refuses what does not exist', async (_, call) => {
  await using catalog = await openCatalog({ duckdbPath: await databaseOfBus() });
  await expect((async () => call(catalog))()).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
});

test('an option without a value is none', async () => {
  expect(await readParquet(await sample(), { column: undefined } as Anything)).toEqual([{ a: 1 }]);
});

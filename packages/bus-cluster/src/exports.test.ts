import { type PostgresServer, startPostgres } from '@quantbot/tooling-servers/postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { beginDataset, knownDataset, knownExports, noteDataset, noteExport } from './exports.js';
import { migrate } from './migrate.js';
import { Postgres } from './postgres/postgres.js';

let server: PostgresServer;
let postgres: Postgres;
beforeAll(async () => {
  server = await startPostgres();
  postgres = new Postgres(await server.newDatabase());
  await migrate(postgres);
});
afterAll(async () => {
  await postgres.close();
  await server.stop();
});

const written = (name: string, seq: number, rows: number) => ({
  ...{ name, seq, rows, durationMs: 5, definition: 'd', bytes: 10, sha256: null, files: 2, reads: ['ticks'] },
});
const dataset = (folder: string) => JSON.stringify({ folder });

test('an attempt that comes back late neither begins nor counts', async () => {
  const empty = await knownDataset(postgres, 'a');
  expect(empty).toMatchObject({ seq: 0, dataset: null, writing: null });
  expect(await beginDataset(postgres, 'a', 'late', empty)).toBe(true);
  expect(await beginDataset(postgres, 'a', 'second', empty)).toBe(false);

  // The next publisher finds the claim of the first one, and takes the dataset over.
  const claimed = await knownDataset(postgres, 'a');
  expect(claimed.writing).toBe('late');
  expect(await beginDataset(postgres, 'a', 'next', claimed)).toBe(true);
  expect(await noteDataset(postgres, written('a', 3, 9), { token: 'next', dataset: dataset('f2') })).toBe(true);
  expect(await noteDataset(postgres, written('a', 2, 5), { token: 'late', dataset: dataset('f1') })).toBe(false);
  expect(await beginDataset(postgres, 'a', 'late', claimed)).toBe(false);
  expect(await knownExports(postgres)).toMatchObject([
    { name: 'a', seq: 3, rows: 9, files: 2, folder: 'f2', reads: ['ticks'], error: null },
  ]);
});

test('an attempt does not begin on a folder that was replaced at the same job', async () => {
  const before = await knownDataset(postgres, 'b');
  await beginDataset(postgres, 'b', 'one', before);
  await noteDataset(postgres, written('b', 3, 9), { token: 'one', dataset: dataset('f1') });
  const known = await knownDataset(postgres, 'b');
  await beginDataset(postgres, 'b', 'two', known);
  await noteDataset(postgres, written('b', 3, 9), { token: 'two', dataset: dataset('f2') });
  expect(await beginDataset(postgres, 'b', 'three', known)).toBe(false);
});

test('an export that becomes a file is a dataset no more', async () => {
  await noteExport(postgres, { ...written('b', 4, 1), sha256: 'ff', files: 1 });
  expect((await knownExports(postgres)).find(({ name }) => name === 'b')).toMatchObject({ folder: null, sha256: 'ff' });
  expect(await knownDataset(postgres, 'b')).toMatchObject({ dataset: null, writing: null });
});

import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { digestFile } from '@quantbot/infra/files';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { query } from '../duckdb.js';
import { buildDatabase } from './build-database.js';
import type { PublicSchema } from './views.js';

const schemaOf = (views: Record<string, string>): PublicSchema => ({
  before: ['CREATE SCHEMA IF NOT EXISTS _bus', 'CREATE SCHEMA IF NOT EXISTS canon'],
  views: Object.entries(views).map(([name, sql]) => ({ name, statement: `CREATE VIEW ${name} AS ${sql}` })),
  after: [],
});

const onProblem = (_: unknown, error: unknown) => {
  throw error;
};

async function withDatabase<T>(
  path: string,
  work: (run: (sql: string) => Promise<Record<string, unknown>[]>) => Promise<T>,
) {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  try {
    return await work(sql => query(connection, sql));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const sound = async (path: string) => ({ path, sha256: (await digestFile(path)).sha256 });

/** A database with canon.a and a replaced canon.b. The replacement shows which views were kept. */
async function exchanged(folder: string) {
  const path = join(folder, 'before.duckdb');
  const schema = schemaOf({ 'canon.a': 'SELECT 1 AS n', 'canon.b': 'SELECT 2 AS n', 'canon.c': 'SELECT 3 AS n' });
  await buildDatabase(path, { schema, configured: [], before: undefined, onProblem });
  expect(statSync(path).mode & 0o777).toBe(0o444);
  chmodSync(path, 0o600);
  await withDatabase(path, run => run('CREATE OR REPLACE VIEW canon.b AS SELECT 22 AS n'));
  return path;
}

const now = schemaOf({ 'canon.a': 'SELECT 11 AS n', 'canon.b': 'SELECT 2 AS n', 'canon.d': 'SELECT 4 AS n' });

test('a database starts from the one before, and makes only the views that have changed', async () => {
  const folder = temporaryFolder();
  const before = await exchanged(folder);
  const path = join(folder, 'now.duckdb');
  await buildDatabase(path, { schema: now, configured: [], before: await sound(before), onProblem });
  await withDatabase(path, async run => {
    expect(await run('SELECT a.n AS a, b.n AS b, d.n AS d FROM canon.a, canon.b, canon.d')).toEqual([
      { a: 11, b: 22, d: 4 },
    ]);
    await expect(run('SELECT * FROM canon.c')).rejects.toThrow(/does not exist/);
  });
});

test('a database starts anew if the one before has changed on the disk, is none, or was made by another version', async () => {
  const folder = temporaryFolder();
  const before = await exchanged(folder);
  const other = join(folder, 'other.duckdb');
  await withDatabase(other, run => run('CREATE SCHEMA canon; CREATE VIEW canon.c AS SELECT 3 AS n'));
  const rotten = join(folder, 'rotten.duckdb');
  writeFileSync(rotten, 'no database');
  const starts = [
    { path: before, sha256: '0'.repeat(64) },
    { path: join(folder, 'missing.duckdb'), sha256: '0'.repeat(64) },
    await sound(other),
    await sound(rotten),
  ];
  for (const [index, start] of starts.entries()) {
    const path = join(folder, `now-${index}.duckdb`);
    await buildDatabase(path, { schema: now, configured: [], before: start, onProblem });
    await withDatabase(path, async run => {
      expect(await run('SELECT a.n AS a, b.n AS b FROM canon.a, canon.b')).toEqual([{ a: 11, b: 2 }]);
      await expect(run('SELECT * FROM canon.c')).rejects.toThrow(/does not exist/);
    });
  }
});

test('views of the configuration are made again each time', async () => {
  const folder = temporaryFolder();
  const first = join(folder, 'first.duckdb');
  const views = [
    { name: 'mine.x', sql: 'SELECT n FROM canon.a' },
    { name: 'mine.y', sql: 'SELECT 5 AS n' },
  ];
  await buildDatabase(first, { schema: now, configured: views, before: undefined, onProblem });
  const second = join(folder, 'second.duckdb');
  const changed = [{ name: 'mine.x', sql: 'SELECT n + 1 AS n FROM canon.a' }];
  await buildDatabase(second, { schema: now, configured: changed, before: await sound(first), onProblem });
  await withDatabase(second, async run => {
    expect(await run('SELECT n FROM mine.x')).toEqual([{ n: 12 }]);
    await expect(run('SELECT n FROM mine.y')).rejects.toThrow(/does not exist/);
  });
});

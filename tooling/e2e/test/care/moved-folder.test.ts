import { cpSync, mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { openCatalog, openDuckDb } from '@quantbot/storage';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, testBusIn } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';
import { drain, quantbotBus } from '../support/daemon-process.js';
import { doctor, followAll } from '../support/doctor.js';
import { query } from '../support/query.js';

/** Runs a query like any DuckDB client. */
async function plainly(path: string, sql: string): Promise<unknown[]> {
  const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' });
  try {
    const connection = await instance.connect();
    return (await connection.runAndReadAll(sql)).getRowObjectsJson();
  } finally {
    instance.closeSync();
  }
}

const questions = [
  'SELECT count(*) AS n FROM catalog.artifacts_f',
  "SELECT 1 FROM catalog.artifacts_f WHERE run_id = 'a' LIMIT 1",
  'SELECT max(n) FROM canon.numbers WHERE n > 0',
  'SELECT count(*) FROM canon.merged',
  'SELECT n FROM canon.numbers ORDER BY n LIMIT 1',
];

sampled(
  'a copied project folder answers with an error, never with the data of the original, until a daemon has run there',
  async () => {
    const settings = { canon: { tables: { merged: { mode: 'upsert', key: ['n'] } } } };
    const original = makeTestBus(settings);
    await drain(original);
    for (const table of ['numbers', 'merged'])
      await submit(original, { runId: 'a', kind: table, schemaHint: `canon.${table}` });
    await drain(original);
    const folder = join(original.folder, 'copy');
    cpSync(join(original.folder, 'data'), join(folder, 'data'), { recursive: true });
    const copy = testBusIn(folder, settings);

    const moved = /was published as .*alerts\.duckdb and is elsewhere now.*quantbot-bus start/;
    for (const sql of questions) await expect(plainly(copy.config.duckdbPath, sql)).rejects.toThrow(moved);
    await expect(openCatalog({ duckdbPath: copy.config.duckdbPath }).then(it => it.artifacts())).rejects.toMatchObject({
      code: 'DATABASE_MOVED',
    });
    expect((await quantbotBus(copy, 'query', questions[0] as string)).stderr).toMatch(/^DATABASE_MOVED: /m);
    const { codes, the } = await doctor(copy);
    expect(codes).toContain('DATABASE_MOVED');
    await followAll(copy, the('DATABASE_MOVED').cure);
    expect((await (await submit(copy, { runId: 'b' })).settled()).status).toBe('ingested');
    expect((await doctor(copy)).codes).not.toContain('DATABASE_MOVED');
    expect(await plainly(copy.config.duckdbPath, questions[0] as string)).toEqual([{ n: '3' }]);
    expect(await query(copy, 'SELECT duckdb_path, bus_root FROM catalog.bus_info')).toEqual([
      { duckdb_path: copy.config.duckdbPath, bus_root: copy.layout.root },
    ]);

    // The original has not moved, whichever path leads to it.
    const path = original.config.duckdbPath;
    for (const sql of questions) expect(await plainly(path, sql)).toHaveLength(1);
    symlinkSync(join(original.folder, 'data'), join(original.folder, 'link'));
    for (const sql of questions)
      expect(await plainly(join(original.folder, 'link/alerts.duckdb'), sql)).toHaveLength(1);
    const attached = await DuckDBInstance.create(':memory:');
    const connection = await attached.connect();
    await connection.run(`ATTACH '${path}' AS bus (READ_ONLY)`);
    expect((await connection.runAndReadAll('SELECT n FROM bus.canon.numbers')).currentRowCount).toBe(3);
    attached.closeSync();
  },
);

sampled('a moved project folder says that it was moved, although the files that its views name are gone', async () => {
  const original = makeTestBus();
  await drain(original);
  await submit(original, { runId: 'a', schemaHint: 'canon.numbers' });
  await drain(original);
  const folder = join(original.folder, 'moved');
  mkdirSync(folder);
  renameSync(join(original.folder, 'data'), join(folder, 'data'));
  const moved = testBusIn(folder);

  const { duckdbPath } = moved.config;
  await using database = await openDuckDb(duckdbPath);
  const isMoved = { code: 'DATABASE_MOVED', message: expect.stringContaining(original.config.duckdbPath) };
  for (const sql of ['FROM canon.numbers', 'FROM catalog.artifacts_f'])
    await expect(database.query(sql)).rejects.toMatchObject(isMoved);
  for (const format of ['json', 'parquet']) {
    const args = ['query', 'FROM canon.numbers', '--format', format, '--out', join(folder, 'x')];
    expect((await quantbotBus(moved, ...args)).stderr).toMatch(/^DATABASE_MOVED: /m);
  }
  await drain(moved);
  expect(await query(moved, 'SELECT count(*) AS n FROM canon.numbers')).toEqual([{ n: 3 }]);
});

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readParquet } from '@quantbot/storage';
import { expect, test } from 'vitest';
import { drain } from './support/daemon-process.js';
import { numbers } from './support/parquet.js';
import { query } from './support/readers.js';
import { submit } from './support/submit.js';
import { makeTestBus } from './support/test-bus.js';

const status = (exportDir: string) => JSON.parse(readFileSync(join(exportDir, '_export_status.json'), 'utf8')).exports;

test('a SELECT of the configuration becomes an export of its own, over canonical tables and the catalog', async () => {
  const jobs = [
    { name: 'sums', sql: 'SELECT sum(n) AS total, count(*) AS "rows" FROM canon.numbers -- all of them' },
    { name: 'by_run', sql: 'SELECT run_id, rows FROM catalog.artifacts_f ORDER BY run_id', path: 'deep/runs.parquet' },
  ];
  const bus = makeTestBus({ export: { jobs, min_interval_s: 0 } });
  await drain(bus);
  for (const runId of ['a', 'b']) await submit(bus, { runId, schemaHint: 'canon.numbers', select: numbers(4) });
  await drain(bus);
  const { exportDir } = bus.config.export;
  expect(await readParquet(join(exportDir, 'sums.parquet'))).toEqual([{ total: 12, rows: 8 }]);
  expect(await readParquet(join(exportDir, 'deep/runs.parquet'))).toEqual([
    { run_id: 'a', rows: 4 },
    { run_id: 'b', rows: 4 },
  ]);
  expect(status(exportDir)).toMatchObject({
    sums: { ok: true, as_of_seq: 2 },
    by_run: { ok: true },
    numbers: { ok: true },
  });
});

test('SQL that is not one SELECT over the bus’s data fails alone, with a clear status; ingestion and the other exports go on', async () => {
  const secret = join(makeTestBus().folder, 'secret.csv');
  writeFileSync(secret, 'a\n42\n');
  const hostile: Record<string, string> = {
    reads_a_file: `SELECT * FROM read_csv('${secret}')`,
    reads_a_text: `SELECT * FROM read_text('${secret}')`,
    lists_files: `SELECT * FROM glob('/etc/*')`,
    writes: `COPY (SELECT 1) TO '${secret}.out'`,
    two: 'SELECT 1; SELECT 2',
    closes: `SELECT 1) TO '${secret}.out'; SELECT (1`,
    attaches: `ATTACH '${secret}.db' AS x`,
    sets: `SET memory_limit = '64GB'`,
    installs: 'INSTALL httpfs',
    nothing: 'SELECT * FROM canon.nothing',
    wrong: 'SELEC 1',
  };
  const jobs = Object.entries(hostile).map(([name, sql]) => ({ name, sql }));
  const bus = makeTestBus({ export: { jobs, min_interval_s: 0, timeout_s: 20 } });
  await drain(bus);
  await submit(bus, { schemaHint: 'canon.numbers', select: numbers(4) });
  await drain(bus);
  const { exportDir } = bus.config.export;
  const statuses = status(exportDir);
  for (const name of Object.keys(hostile))
    expect({ name, ...statuses[name] }).toMatchObject({ name, ok: false, error: expect.stringMatching(/\w{5}/) });
  expect(statuses.numbers).toMatchObject({ ok: true, rows: 4 });
  expect(readdirSync(exportDir).sort()).toEqual(['_export_status.json', 'numbers.parquet']);
  expect(existsSync(`${secret}.out`) || existsSync(`${secret}.db`)).toBe(false);
  expect(await query(bus, 'SELECT count(*) AS n FROM catalog.exports_d WHERE NOT ok')).toEqual([{ n: jobs.length }]);
});

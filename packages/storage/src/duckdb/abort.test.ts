import { getEventListeners } from 'node:events';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { DuckDBConnection } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { runIn } from '../../test/support/database.js';
import { temporaryFolder } from '../../test/support/folder.js';
import { openDuckDb } from '../open-duckdb.js';
import { readParquet, readParquetColumns } from '../parquet/read-parquet.js';
import { scanParquet } from '../parquet/scan-parquet.js';
import { writeParquet } from '../parquet/write-parquet.js';

/** A condition that takes minutes for each row. */
const endless =
  'n + (SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE (a.range * b.range + n) % 7 = 3) > 0';
const enough = new Error('enough');

let folder: string;
let file: string;
let database: string;
let controller: AbortController;
let signal: AbortSignal;

beforeEach(async () => {
  folder = temporaryFolder();
  file = join(folder, 'a.parquet');
  database = join(folder, 'd.duckdb');
  await writeParquet(file, [{ n: 1 }, { n: 2 }], { n: 'BIGINT' });
  await runIn(database, 'CREATE TABLE t AS SELECT 1::BIGINT AS n');
  controller = new AbortController();
  signal = controller.signal;
});

afterEach(() => {
  vi.restoreAllMocks();
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

const drain = async (scan: AsyncIterable<unknown>) => {
  for await (const _ of scan);
};

const reads: [string, () => Promise<unknown>][] = [
  ['readParquet', () => readParquet(file, { where: endless, signal })],
  ['readParquetColumns', () => readParquetColumns(file, { where: endless, signal })],
  ['scanParquet', () => drain(scanParquet(file, { where: endless, signal }))],
  [
    'query',
    async () => {
      await using db = await openDuckDb(database);
      return await db.query(`SELECT n FROM t WHERE ${endless}`, undefined, { signal });
    },
  ],
];

describe.each(reads)('%s', (_, read) => {
  test.each([0, 1, 5, 20, 60, 200])('ends soon with the reason of a signal that comes %i ms after it', async ms => {
    const start = performance.now();
    const [result] = await Promise.allSettled([read(), setTimeout(ms).then(() => controller.abort(enough))]);
    expect(result).toEqual({ status: 'rejected', reason: enough });
    expect(performance.now() - start).toBeLessThan(60_000);
  });

  test('ends also when the signal comes in the moment in which the statement is handed to DuckDB', async () => {
    for (const method of ['run', 'stream'] as const) {
      const original = DuckDBConnection.prototype[method];
      vi.spyOn(DuckDBConnection.prototype, method).mockImplementation(function (this: DuckDBConnection, ...args) {
        if (args[0].includes('WHERE')) controller.abort(enough);
        return original.apply(this, args) as never;
      });
    }
    await expect(read()).rejects.toBe(enough);
  });

  test('never starts a statement when the signal has come before it', async () => {
    controller.abort(enough);
    const started = [vi.spyOn(DuckDBConnection.prototype, 'run'), vi.spyOn(DuckDBConnection.prototype, 'stream')];
    await expect(read()).rejects.toBe(enough);
    const statements = started.flatMap(spy => spy.mock.calls.map(([sql]) => sql));
    expect(statements.filter(sql => sql.includes('WHERE'))).toEqual([]);
  });
});

test('what ends before the signal is not touched by it, and leaves no listener', async () => {
  expect(await readParquet(file, { signal })).toHaveLength(2);
  await drain(scanParquet(file, { signal }));
  await using db = await openDuckDb(database);
  expect(await db.query('SELECT n FROM t', [], { signal })).toEqual([{ n: 1 }]);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
  controller.abort(enough);
  expect(await db.query('SELECT n FROM t')).toEqual([{ n: 1 }]);
});

test('a handle whose query was ended answers the ones behind it, and reads at the same time go on', async () => {
  await using db = await openDuckDb(database);
  const ended = db.query(`SELECT n FROM t WHERE ${endless}`, [], { signal });
  const behind = Array.from({ length: 20 }, (_, i) => db.query('SELECT n + $1 AS n FROM t', [i]));
  const read = readParquet(file);
  await setTimeout(50);
  controller.abort(enough);
  await expect(ended).rejects.toBe(enough);
  expect((await Promise.all(behind)).flat()).toEqual(Array.from({ length: 20 }, (_, i) => ({ n: i + 1 })));
  expect(await read).toHaveLength(2);
});

test('a query that waits for its turn ends at once, and those behind it still wait', async () => {
  await using db = await openDuckDb(database);
  const first = new AbortController();
  const order: string[] = [];
  const long = db
    .query(`SELECT n FROM t WHERE ${endless}`, [], { signal: first.signal })
    .catch(() => order.push('long'));
  const waiting = db.query('SELECT n FROM t', [], { signal }).catch(reason => order.push(reason.message));
  const last = db.query('SELECT n FROM t').then(() => order.push('last'));
  await setTimeout(20);
  controller.abort(enough);
  await waiting;
  await setTimeout(50);
  expect(order).toEqual(['enough']);
  first.abort();
  await Promise.all([long, last]);
  expect(order).toEqual(['enough', 'long', 'last']);
});

test('a scan gives nothing more after the signal, also of what it has read already', async () => {
  await writeParquet(file, { n: Array.from({ length: 5000 }, (_, i) => i) }, { n: 'BIGINT' });
  let batches = 0;
  const scan = async () => {
    for await (const _ of scanParquet(file, { signal, batchRows: 10 })) if (++batches === 3) controller.abort(enough);
  };
  await expect(scan()).rejects.toBe(enough);
  expect(batches).toBe(3);
});

import { emptyRow, type JournalRow } from '@quantbot/bus-format/journal';
import { type PostgresServer, startPostgres } from '@quantbot/tooling-servers/postgres';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { publishable } from './fragments.js';
import { appendHistory, type HistoryRow } from './history.js';
import { readableUpTo } from './journal.js';
import { migrate } from './migrate.js';
import { Postgres } from './postgres/postgres.js';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

const hint = 'canon.t';

/** A job with one row. */
const job = (seq: number, key: string, status: JournalRow['status']): HistoryRow => ({
  ...emptyRow,
  seq,
  ordinal: 0,
  claim: `claim-${seq}`,
  committed_at: 0,
  status,
  job_id: `job-${seq}`,
  artifact_key: key,
  sha256: key,
  rel_path: `store/${key}`,
  schema_hint: hint,
  schema_json: '[]',
  retry_of: 0,
});

/** Returns the last seq of each publication of these jobs, whose fragments are written. */
async function turnsOf(jobs: readonly [key: string, status: JournalRow['status']][]): Promise<number[]> {
  const postgres = new Postgres(await server.newDatabase());
  onTestFinished(() => postgres.close());
  await migrate(postgres);
  await appendHistory(
    postgres,
    jobs.map(([key, status], index) => job(index + 1, key, status)),
  );
  await postgres.query(`UPDATE bus.fragments SET object = 'x', rows = 1`);
  const turns: number[] = [];
  for (;;) {
    const after = turns.at(-1) ?? 0;
    const upTo = await publishable(postgres, after, 1000);
    if (upTo === after) return turns;
    turns.push(upTo);
  }
}

const first = ['first', 'ingested'] as const; // its schema is new, so its commit comes alone

test('many jobs that take rows out of a table are published together, with those between them', async () => {
  const turns = await turnsOf([
    [...first],
    ['a', 'ingested'],
    ['b', 'ingested'],
    ['first', 'erased'],
    ['c', 'ingested'],
    ['a', 'forgotten'],
  ]);
  expect(turns).toEqual([3, 6]);
});

test.each<[string, [string, JournalRow['status']][], number[]]>([
  [
    'came',
    [
      ['x', 'ingested'],
      ['x', 'erased'],
      ['a', 'ingested'],
      ['a', 'erased'],
      ['b', 'ingested'],
    ],
    [1, 3, 5],
  ],
  [
    'come back',
    [
      ['a', 'ingested'],
      ['a', 'erased'],
      ['b', 'ingested'],
      ['a', 'restored'],
      ['c', 'ingested'],
    ],
    [1, 2, 5],
  ],
  [
    'go again',
    [
      ['a', 'ingested'],
      ['a', 'erased'],
      ['a', 'restored'],
      ['a', 'erased'],
      ['b', 'ingested'],
    ],
    [1, 2, 3, 5],
  ],
])('rows leave in another turn than the one in which they %s', async (_, jobs, turns) => {
  expect(await turnsOf(jobs)).toEqual(turns);
});

test('jobs with much text are read a few at once, and each at least alone', async () => {
  const postgres = new Postgres(await server.newDatabase());
  onTestFinished(() => postgres.close());
  await migrate(postgres);
  const long = (seq: number, mb: number): HistoryRow => ({
    ...job(seq, `k${seq}`, 'ingested'),
    meta_json: `"${'m'.repeat(mb * 1024 * 1024)}"`,
  });
  await appendHistory(postgres, [long(1, 30), long(2, 30), long(3, 30), long(4, 100), long(5, 1)]);
  expect(await readableUpTo(postgres, 0, 5)).toBe(2);
  expect(await readableUpTo(postgres, 2, 5)).toBe(3);
  expect(await readableUpTo(postgres, 3, 5)).toBe(4);
  expect(await readableUpTo(postgres, 4, 5)).toBe(5);
  expect(await readableUpTo(postgres, 0, 1)).toBe(1);
});

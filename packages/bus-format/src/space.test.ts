import { expect, test } from 'vitest';
import { openMemoryDatabase, query } from './duckdb.js';
import { dailyGrowth, spaceOf, spaceSql } from './space.js';

const now = new Date('2026-03-15T12:00:00Z');
const day = 86_400_000;

interface Artifact {
  producer: string;
  kind: string;
  hint?: string;
  bytes: number;
  daysAgo: number;
  isForgotten?: boolean;
}

/** Adds up a catalog of these artifacts. */
async function spaceIn(artifacts: readonly Artifact[]) {
  const database = await openMemoryDatabase({ memoryMb: 128, threads: 1 });
  await database.connection.run(`CREATE SCHEMA catalog; CREATE TABLE catalog.artifacts_f
    (producer VARCHAR, kind VARCHAR, schema_hint VARCHAR, bytes BIGINT, committed_at TIMESTAMP, forgotten_at TIMESTAMP)`);
  for (const { producer, kind, hint, bytes, daysAgo, isForgotten } of artifacts)
    await database.connection.run(
      'INSERT INTO catalog.artifacts_f VALUES ($1, $2, $3, $4, CAST($5 AS TIMESTAMP), CAST($6 AS TIMESTAMP))',
      [
        producer,
        kind,
        hint ?? null,
        BigInt(bytes),
        new Date(now.getTime() - daysAgo * day).toISOString().slice(0, -1),
        isForgotten ? now.toISOString().slice(0, -1) : null,
      ],
    );
  const rows = await query<Record<string, unknown>>(database.connection, spaceSql(now));
  database.close();
  return spaceOf(rows);
}

test('bytes are added up by producer, kind and table, the largest first, with what came in a day and a week', async () => {
  const space = await spaceIn([
    { producer: 'a', kind: 'trades', hint: 'canon.Trades', bytes: 100, daysAgo: 0.5 },
    { producer: 'a', kind: 'trades', hint: 'canon.trades', bytes: 10, daysAgo: 3 },
    { producer: 'b', kind: 'plots', hint: 'trades/v1', bytes: 1000, daysAgo: 30 },
    { producer: 'b', kind: 'plots', bytes: 5000, daysAgo: 2, isForgotten: true },
  ]);
  expect(space.total).toEqual({ artifacts: 3, bytes: 1110, lastDayBytes: 100, lastWeekBytes: 110 });
  expect(space.producers).toEqual([
    { name: 'b', artifacts: 1, bytes: 1000, lastDayBytes: 0, lastWeekBytes: 0 },
    { name: 'a', artifacts: 2, bytes: 110, lastDayBytes: 100, lastWeekBytes: 110 },
  ]);
  expect(space.kinds.map(({ name }) => name)).toEqual(['plots', 'trades']);
  expect(space.tables).toEqual([{ name: 'trades', artifacts: 2, bytes: 110, lastDayBytes: 100, lastWeekBytes: 110 }]);
});

test('an empty store has a total of 0, and of many names only the largest are listed', async () => {
  expect(await spaceIn([])).toEqual({
    total: { artifacts: 0, bytes: 0, lastDayBytes: 0, lastWeekBytes: 0 },
    ...{ producers: [], kinds: [], tables: [], firstCommittedAt: null },
  });
  const many = Array.from({ length: 30 }, (_, i) => ({ producer: `p${i}`, kind: 'k', bytes: i, daysAgo: 1 }));
  const { producers, total } = await spaceIn(many);
  expect([producers.length, producers[0]?.name, total.artifacts]).toEqual([20, 'p29', 30]);
});

test('growth is that of the last week, or of the shorter life of a store; of less than a day nothing is known', async () => {
  const one = (daysAgo: number) => spaceIn([{ producer: 'p', kind: 'k', bytes: 700, daysAgo }]);
  expect(dailyGrowth(await one(0.5), now)).toBeUndefined();
  expect(dailyGrowth(await one(2), now)).toBe(350);
  expect(dailyGrowth(await one(30), now)).toBe(0);
  const both = await spaceIn([
    { producer: 'p', kind: 'k', bytes: 999, daysAgo: 30 },
    { producer: 'p', kind: 'k', bytes: 700, daysAgo: 2 },
  ]);
  expect(dailyGrowth(both, now)).toBe(100);
});

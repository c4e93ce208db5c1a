import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { throwDamage } from '@quantbot/bus-format/canon';
import { campaign } from '@quantbot/tooling-config/campaign';
import { writeSelect } from '@quantbot/tooling-testing/parquet';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compactor, runBatch } from '../../../test/support/commits.js';
import { compactorThat } from '../../../test/support/compactor-that.js';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import { putClaimed } from '../../../test/support/jobs.js';
import { queryPublished } from '../../../test/support/published.js';
import type { Bus } from '../bus.js';
import { Publisher } from '../publish/publisher.js';
import { releaseUnused } from '../publish/release.js';
import { verify } from '../stages/verify.js';
import { compactHot, mergeTiers } from './compact.js';
import { followModes, incompleteTables, rebuildTable } from './rebuild-tables.js';

const tables = {
  everything: {},
  newest: { mode: 'latest' },
  prices: { mode: 'upsert', key: ['id'], order_by: ['t'] },
};

/** A row of all three tables. */
interface PriceRow {
  id: number;
  t: number | null;
  price: number;
}

/**
 * The operations on a bus: a job with some artifacts (lists of rows), or a compaction that skips
 * some tables.
 */
type Step = { job: PriceRow[][] } | { waiting: string[] };

/** The rows that each table must show, by the definition of its mode. */
function expected(history: readonly PriceRow[][][]): Record<keyof typeof tables, PriceRow[]> {
  const all = history.flat(2);
  const byKey = new Map<number, PriceRow>();
  for (const row of all) {
    const there = byKey.get(row.id);
    const isNewer = there === undefined || (row.t ?? -1) >= (there.t ?? -1);
    if (isNewer) byKey.set(row.id, row);
  }
  return { everything: all, newest: history.at(-1)?.flat() ?? [], prices: [...byKey.values()] };
}

async function commitJob(bus: Bus, folder: string, artifacts: readonly PriceRow[][]): Promise<void> {
  const files: Record<string, string> = {};
  const entries = [];
  for (const [n, rows] of artifacts.entries()) {
    const values = rows.map(({ id, t, price }) => `(${id}, ${t ?? 'NULL'}, ${price})`).join() || '(0, 0, 0)';
    const select = `SELECT id::INTEGER AS id, t::BIGINT AS t, price::DOUBLE AS price FROM (VALUES ${values}) v(id, t, price) LIMIT ${rows.length}`;
    const path = await writeSelect(folder, select);
    for (const table of Object.keys(tables)) {
      files[`${table}-${n}.parquet`] = path;
      entries.push({ artifact_id: `${table}-${n}`, relpath: `${table}-${n}.parquet`, schema_hint: `canon.${table}` });
    }
  }
  const jobId = `job-${bus.journal.lastSeq + 1}`;
  const job = putClaimed(bus, { jobId, files, manifest: { artifacts: entries } });
  await runBatch(bus, await verify(bus, [job]));
}

const sorted = (rows: readonly object[]): string[] => rows.map(row => JSON.stringify(row)).sort();

async function expectTables(bus: Bus, history: readonly PriceRow[][][]): Promise<void> {
  await new Publisher(bus).publishOrThrow();
  for (const [table, rows] of Object.entries(expected(history)))
    expect(sorted(await queryPublished(bus, `SELECT id, t, price FROM canon.${table}`)), table).toEqual(sorted(rows));
}

const row = fc.record({
  id: fc.integer({ min: 1, max: 4 }),
  t: fc.option(fc.integer({ min: 0, max: 3 })),
  price: fc.integer({ min: 0, max: 1000 }),
});
const job = fc.array(fc.array(row, { maxLength: 5 }), { minLength: 1, maxLength: 2 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ job }) },
  fc.record({ waiting: fc.subarray(Object.keys(tables)) }),
);

test('append shows all rows, latest those of the newest job, upsert the newest of each key: before, during and after compaction, while a table waits for it, and made again from the store', {
  timeout: 120_000,
  tags: ['campaign'],
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 8 }), fc.boolean(), async (steps, isNoted) => {
      const { bus, test: testBus } = await openInProcess({ canon: { tables }, compaction: { release_grace_s: 0 } });
      // Without a note of the mode, views cannot rely on what compacted files hold.
      if (isNoted) await followModes(bus, compactor, throwDamage);
      const history: PriceRow[][][] = [];
      for (const next of steps) {
        if ('waiting' in next) {
          await compactHot(bus, compactor, { skip: new Set(next.waiting) });
          await mergeTiers(bus, compactor);
          await new Publisher(bus).publishOrThrow();
          await releaseUnused(bus, []);
        } else {
          await commitJob(bus, testBus.folder, next.job);
          history.push(next.job);
        }
      }
      if (history.length === 0) return;
      await expectTables(bus, history);
      expect(await incompleteTables(bus)).toEqual([]);
      for (const table of bus.tables.tables()) await rebuildTable(bus, compactor, table);
      await bus.journal.reload();
      await expectTables(bus, history);
      await compactHot(bus, compactor);
      await expectTables(bus, history);
    }),
    { numRuns: campaign(3, 16) },
  );
});

test('streamed, a table is compacted and rebuilt as otherwise', { tags: ['campaign'] }, async () => {
  const { bus, test: testBus } = await openInProcess({ canon: { tables }, compaction: { release_grace_s: 0 } });
  const seen = join(testBus.folder, 'seen');
  // A limit in which no statement can run stands for rows that are too large to be held.
  const streaming = compactorThat(
    testBus.folder,
    `if (task.streams) appendFileSync('${seen}', 's'); else if (sql.includes('_row')) task.memoryMb = 1;`,
  );
  const history = [
    [1, 2, 2, 3],
    [3, 4],
    [1, 5, 4],
  ].map((ids, n) => [ids.map(id => ({ id, t: id === 2 ? null : n, price: id * 10 + n }))]);
  for (const [n, job] of history.entries()) {
    await commitJob(bus, testBus.folder, job);
    if (n === 1) continue; // the second compaction has two commits
    await compactHot(bus, streaming);
    await expectTables(bus, history.slice(0, n + 1));
  }
  await mergeTiers(bus, streaming);
  await expectTables(bus, history);
  for (const table of bus.tables.tables()) await rebuildTable(bus, streaming, table);
  await bus.journal.reload();
  await expectTables(bus, history);
  expect(await incompleteTables(bus)).toEqual([]);
  // Two compactions and a rebuild of three tables.
  expect(readFileSync(seen, 'utf8').length).toBeGreaterThanOrEqual(9);
});

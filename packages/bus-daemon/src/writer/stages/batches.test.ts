import { campaign, seed, seededRandom } from '@quantbot/tooling-config/campaign';
import { produce } from '@quantbot/tooling-testing/parquet';
import { expect, test } from 'vitest';
import { compactor, runBatch } from '../../../test/support/commits.js';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import { putClaimed } from '../../../test/support/jobs.js';
import { queryPublished } from '../../../test/support/published.js';
import type { Bus } from '../bus.js';
import { compactHot } from '../compaction/compact.js';
import { followModes } from '../compaction/rebuild-tables.js';
import type { CheckedJob } from '../job.js';
import { Publisher } from '../publish/publisher.js';
import { verify } from './verify.js';

/** Values of many types; of most pairs, one type holds some values of the other. */
const values = [
  '7::BIGINT',
  '7::UTINYINT',
  '18446744073709551615::UBIGINT',
  '7::DOUBLE',
  '7.5::DOUBLE',
  '7.00::DECIMAL(9,2)',
  '7.25::DECIMAL(38,10)',
  '70000000000::DECIMAL(18,0)',
  "DATE '2026-01-02'",
  "TIMESTAMP '2026-01-02 03:04:05'",
  "TIMESTAMP_NS '2026-01-02 03:04:05.000000001'",
  "TIMESTAMP_NS '2026-01-02 03:04:05'",
  'NULL::VARCHAR',
  'NULL::BOOLEAN',
  'NULL::DECIMAL(9,2)',
  "'text'",
];

/** In place of a file: an operation. */
const drop = 'drop';

/** How jobs fall into batches. */
type Way = (bus: Bus, check: (index: number) => Promise<CheckedJob[]>, count: number) => Promise<void>;

const oneByOne: Way = async (bus, check, count) => {
  for (let index = 0; index < count; index++) await runBatch(bus, await check(index));
};
const together: Way = async (bus, check, count) => {
  const jobs: CheckedJob[] = [];
  for (let index = 0; index < count; index++) jobs.push(...(await check(index)));
  await runBatch(bus, jobs);
};
/** As when a batch is verified while the one before it is committed. */
const verifiedEarly: Way = async (bus, check, count) => {
  let waiting = await check(0);
  for (let index = 1; index <= count; index++) {
    const next = index < count ? await check(index) : [];
    await runBatch(bus, waiting);
    waiting = next;
  }
};

const random = seededRandom(seed);

/** Batches of one job to all of them. */
const byChance: Way = async (bus, check, count) => {
  for (let from = 0; from < count; ) {
    const size = 1 + Math.floor(random() * (count - from));
    await together(bus, index => check(from + index), size);
    from += size;
  }
};

/** Returns what became of each job, the table, and its rows before and after compaction. */
async function outcomesOf(way: Way, selects: readonly string[]) {
  const { bus, test: testBus } = await openInProcess();
  const check = async (index: number) => {
    const jobId = `job-${index}`;
    if (selects[index] === drop) {
      const op = { type: 'table_drop', table: 't', reason: null, by: null };
      return verify(bus, [putClaimed(bus, { jobId, manifest: { artifacts: [], op } })]);
    }
    const job = putClaimed(bus, {
      jobId,
      files: { 'x.parquet': await produce(testBus, selects[index] ?? '') },
      manifest: {
        run_id: `run-${index}`,
        artifacts: [{ artifact_id: 'x', relpath: 'x.parquet', schema_hint: 'canon.t' }],
      },
    });
    return verify(bus, [job]);
  };
  const settled: string[] = [];
  bus.events.on('settled', ({ jobs }) => {
    for (const { jobId, outcome, rejection } of jobs)
      settled.push([jobId, outcome, rejection?.code, rejection?.error].join(' '));
  });
  const publisher = new Publisher(bus);
  await way(bus, check, selects.length);
  const columns = bus.tables.get('t')?.columns.map(({ name, type, also }) => ({ name, type, also })) ?? [];
  const rows = async () => {
    if (columns.length === 0) return [];
    await publisher.publishOrThrow();
    const texts = columns.map(({ name }) => `typeof(${name}) || ' ' || coalesce(CAST(${name} AS VARCHAR), 'NULL')`);
    return queryPublished(testBus, `SELECT _seq, [${texts.join(', ')}] AS texts FROM canon.t ORDER BY _seq`);
  };
  // No reader sees a dropped table before its files are rebuilt.
  const hot = bus.tables.held.size === 0 ? await rows() : undefined;
  await compactHot(bus, compactor);
  await followModes(bus, compactor, error => {
    throw error;
  });
  const shown = await rows();
  if (hot !== undefined) expect(shown).toEqual(hot);
  return { settled, columns, shown };
}

async function mustNotDepend(sequence: readonly (readonly string[])[]): Promise<void> {
  const selects = sequence.map(row =>
    row[0] === drop ? drop : `SELECT ${row.map((value, index) => `${value} AS c${index}`).join(', ')}`,
  );
  const alone = await outcomesOf(oneByOne, selects);
  expect(alone.settled).toHaveLength(selects.length);
  const last = alone.settled.slice(alone.settled.findLastIndex(text => text.includes(' done')) + 1);
  expect(alone.shown).toHaveLength(last.filter(text => text.includes(' ingested')).length);
  for (const way of [together, verifiedEarly, byChance]) expect(await outcomesOf(way, selects)).toEqual(alone);
}

test.each(
  [
    ['7::BIGINT', '7.00::DECIMAL(9,2)', '7.25::DECIMAL(38,10)'],
    ['7.25::DECIMAL(9,2)', 'NULL::VARCHAR', '7.00::DECIMAL(38,10)'],
    ["'text'", drop, '7::BIGINT', '7.5::DOUBLE'],
    ["'text'", drop, 'NULL::VARCHAR', '7.5::DOUBLE'],
  ].map(values => ({ values, names: values.join(', ') })),
)('what becomes of a job does not depend on its batch: $names', async ({ values }) => {
  await mustNotDepend(values.map(value => [value]));
});

const pick = () => values[Math.floor(random() * values.length)] ?? '';

test('nor does it for types by chance', { tags: ['campaign'], timeout: 600_000 }, async () => {
  for (let tries = campaign(1, 10); tries > 0; tries--)
    await mustNotDepend(Array.from({ length: 5 }, () => (random() < 0.1 ? [drop] : [pick(), pick()])));
});

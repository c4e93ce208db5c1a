// @module-tag campaign
import { join } from 'node:path';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { startHoldingReader, startOpeningReader } from '@quantbot/tooling-testing/readers';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { spawnDaemon } from '../support/daemon-process.js';
import { query } from '../support/query.js';
import { startScript } from '../support/scripts.js';

const producers = 16;
const jobsEach = 125;
const readers = 8;

test(`${producers} producers submit ${producers * jobsEach} jobs while ${readers} readers keep opening the database: all ingested once, no lock error`, {
  timeout: 240_000,
}, async () => {
  const bus = makeTestBus({ compaction: { hot_commits: 8, release_grace_s: 1 } });
  await spawnDaemon(bus);
  await (await submit(bus, { runId: 'first' })).settled();
  const holding = await startHoldingReader(bus);
  const opening = Array.from({ length: readers }, () => startOpeningReader(bus));
  const load = Array.from({ length: producers }, (_, p) =>
    startScript(
      './producer.mjs',
      [bus.layout.root, join(bus.folder, 'made'), `p${p}`, String(jobsEach), 'canon.ticks'],
      bus.folder,
    ),
  );
  for (const { ended } of load) expect(await ended).toMatchObject({ code: 0 });
  const total = producers * jobsEach;
  await eventually(
    () => query(bus, `SELECT count(*) AS n FROM catalog.jobs_f WHERE status = 'ingested'`),
    ([row]) => row?.n === total + 1,
    60_000,
  );

  const [artifacts] = await query(
    bus,
    `SELECT count(*) AS n, count(DISTINCT artifact_key) AS keys FROM catalog.artifacts_f WHERE kind = 'ticks'`,
  );
  expect(artifacts).toEqual({ n: total, keys: total });
  const [canon] = await query(
    bus,
    'SELECT count(*) AS n, count(DISTINCT (producer, i)) AS distinct_rows, sum(price) AS s FROM canon.ticks',
  );
  expect(canon).toEqual({ n: total, distinct_rows: total, s: (producers * (jobsEach * (jobsEach - 1))) / 2 / 4 });

  // The reader that has held the database open from the beginning sees the last commit.
  expect(await holding.query('SELECT count(*) AS n FROM catalog.artifacts_f')).toEqual([{ n: String(total + 1) }]);
  await holding.close();
  for (const report of await Promise.all(opening.map(reader => reader.stop()))) {
    expect(report.errors).toEqual([]);
    expect(report.monotonic).toBe(true);
    expect(report.opens).toBeGreaterThan(3);
  }
});

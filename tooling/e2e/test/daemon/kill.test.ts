import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { campaign, sampleOf } from '@quantbot/tooling-config/campaign';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain, launchDaemon, quantbotBus } from '../support/daemon-process.js';
import { query } from '../support/query.js';
import { startScript } from '../support/scripts.js';

const producers = 3;
const jobsEach = campaign(30, 60);
const kills = campaign(2, 10);
const seed = Number(process.env.FC_SEED ?? Date.now() % 1_000_000);

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomFrom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

test('kill -9 in mid-load and a restart, again and again, lose nothing and double nothing', {
  tags: ['campaign'],
}, async () => {
  console.log(`seed ${seed} (set FC_SEED to run it again)`);
  const random = randomFrom(seed);
  const bus = makeTestBus({ batch: { max_jobs: 8 }, compaction: { hot_commits: 3, idle_s: 0.2, release_grace_s: 0 } });
  await drain(bus);
  const load = Array.from({ length: producers }, (_, p) =>
    startScript(
      './producer.mjs',
      [bus.layout.root, join(bus.folder, 'made'), `p${p}`, String(jobsEach), 'canon.ticks'],
      bus.folder,
    ),
  );
  for (let kill = 0; kill < kills; kill++) {
    const daemon = launchDaemon(bus);
    await sleep(300 + random() * 1200);
    expect(await daemon.stop('SIGKILL')).toMatchObject({ signal: 'SIGKILL' });
  }
  for (const { ended } of load) expect(await ended).toMatchObject({ code: 0 });
  await drain(bus);

  const total = producers * jobsEach;
  const { layout } = bus;
  expect(readdirSync(layout.processed)).toHaveLength(total);
  for (const folder of [layout.inbox, layout.claimed, layout.staging, layout.rejected])
    expect(readdirSync(folder), folder).toEqual([]);
  expect(
    await query(
      bus,
      `SELECT count(*) AS n, count(DISTINCT artifact_key) AS keys, max(seq) AS last FROM catalog.artifacts_f`,
    ),
  ).toEqual([{ n: total, keys: total, last: total }]);
  expect(await query(bus, 'SELECT count(*) AS n, count(DISTINCT (producer, i)) AS d FROM canon.ticks')).toEqual([
    { n: total, d: total },
  ]);
  const { code, stdout } = await quantbotBus(bus, 'verify', '--deep');
  expect({ code, stdout }).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('every file matches the journal'),
  });
});

const points = ['claim:after-rename', 'store:after-sync', 'commit:after-rename', 'settle:receipt-written'];

test.each(sampleOf(points, 1))(
  'killed at %s, a daemon leaves jobs that the next one brings to their one end',
  { tags: ['campaign'] },
  async point => {
    const bus = makeTestBus();
    await drain(bus);
    const submissions = await Promise.all(
      [1, 2, 3].map(n => submit(bus, { runId: `r${n}`, schemaHint: 'canon.numbers' })),
    );
    const killed = launchDaemon(bus, { env: { QUANTBOT_FAULT_POINT: point } });
    expect(await killed.ended).toMatchObject({ signal: 'SIGKILL' });
    expect(readdirSync(bus.layout.claimed)).not.toEqual([]);
    await drain(bus);
    const receipts = await Promise.all(submissions.map(submission => submission.settled()));
    expect(receipts.map(receipt => receipt.status)).toEqual(['ingested', 'ingested', 'ingested']);
    expect(await query(bus, 'SELECT seq, status FROM catalog.jobs_f ORDER BY seq')).toEqual(
      [1, 2, 3].map(seq => ({ seq, status: 'ingested' })),
    );
    expect(await query(bus, 'SELECT count(*) AS n FROM canon.numbers')).toEqual([{ n: 9 }]);
    expect(readdirSync(bus.layout.claimed)).toEqual([]);
  },
);

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { submitOperation } from '@quantbot/infra/bus';
import { openCatalog } from '@quantbot/storage';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';
import { drain, launchDaemon, quantbotBus } from '../support/daemon-process.js';

/** Each step of forgetting. Before the commit nothing may be gone, after it everything must go. */
const points = [
  'commit:before-rename',
  'commit:after-rename',
  'compact:switched',
  'forget:table-rebuilt',
  'forget:file-removed',
  'forget:removed',
];

sampled('killed at each step, a daemon forgets all that it decided to forget, and nothing else', async () => {
  const canon = { tables: { newest: { mode: 'upsert', key: ['id'] } } };
  const bus = makeTestBus({ canon, compaction: { release_grace_s: 0 } });
  await drain(bus);
  const kinds = ['rows', 'newest', 'plain'];
  const runs = points.map((_, index) => `r${index}`);
  for (const runId of [...runs, 'last'])
    for (const kind of kinds)
      await submit(bus, {
        runId,
        kind,
        artifactId: kind,
        select: `SELECT 1 AS id, '${runId}' AS run`,
        ...(kind !== 'plain' && { schemaHint: `canon.${kind}` }),
      });
  await drain(bus);
  const keysOf = (runId: string) => kinds.map(kind => `${runId}/tests/${kind}/${kind}`);
  const fileOf = (runId: string, kind: string) => join(bus.layout.store, `tests/${kind}/${runId}@${kind}.parquet`);

  for (const [index, point] of points.entries()) {
    const keys = [...keysOf(runs[index] as string), ...keysOf('last')];
    const op = { type: 'forget' as const, artifact_keys: keys, force: false, rows: 'default' as const };
    const submission = await submitOperation({ ...op, reason: null, by: null }, { busRoot: bus.config.busRoot });
    const killed = launchDaemon(bus, { args: ['--drain'], env: { QUANTBOT_FAULT_POINT: point } });
    expect(await killed.ended, point).toMatchObject({ signal: 'SIGKILL' });
    for (const kind of kinds) expect(existsSync(fileOf('last', kind)), point).toBe(true);
    await drain(bus);
    const { forget = [] } = await submission.settled();
    expect(forget.map(({ status }) => status)).toEqual([...Array(3).fill('forgotten'), ...Array(3).fill('protected')]);
    for (const kind of kinds) {
      expect(existsSync(fileOf(runs[index] as string, kind)), `${point} ${kind}`).toBe(false);
      for (const other of [...runs.slice(index + 1), 'last']) expect(existsSync(fileOf(other, kind))).toBe(true);
    }
  }
  expect(await quantbotBus(bus, 'verify')).toMatchObject({ code: 0 });
  await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  const rows = await catalog.query('SELECT run FROM canon.rows ORDER BY run');
  expect(rows.map(({ run }) => run)).toEqual(['last', ...runs]);
  expect(await catalog.query('SELECT run FROM canon.newest')).toEqual([{ run: 'last' }]);
  expect((await catalog.artifacts()).filter(({ forgottenAt }) => forgottenAt === null)).toHaveLength(kinds.length);
});

sampled('a job that brings an artifact back while its bytes wait to be removed keeps them', async () => {
  const bus = makeTestBus({ compaction: { release_grace_s: 0 } });
  await drain(bus);
  for (const runId of ['r1', 'r2']) await submit(bus, { runId, select: `SELECT '${runId}' AS run` });
  await drain(bus);
  const op = { type: 'forget' as const, artifact_keys: ['r1/tests/numbers/numbers'], force: false };
  const rest = { rows: 'default' as const, reason: null, by: null };
  await submitOperation({ ...op, ...rest }, { busRoot: bus.config.busRoot });
  // It is committed, and its file is still there.
  const killed = launchDaemon(bus, { args: ['--drain'], env: { QUANTBOT_FAULT_POINT: 'settle:before' } });
  expect(await killed.ended).toMatchObject({ signal: 'SIGKILL' });
  const file = join(bus.layout.store, 'tests/numbers/r1@numbers.parquet');
  expect(existsSync(file)).toBe(true);
  const back = await submit(bus, { runId: 'r1', select: `SELECT 'r1' AS run` });
  await drain(bus);
  expect((await back.settled()).artifacts[0]?.status).toBe('restored');
  expect(existsSync(file)).toBe(true);
  expect(await quantbotBus(bus, 'verify')).toMatchObject({ code: 0 });
});

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { expect, test } from 'vitest';
import { runBatch } from '../../test/support/commits.js';
import { openInProcess } from '../../test/support/in-process-bus.js';
import { putClaimed } from '../../test/support/jobs.js';
import { verify } from '../writer/stages/verify.js';
import { totalsOf } from './totals.js';

test('jobs that forget artifacts are done, and those that bring them back are ingested, also after a restart', async () => {
  const { bus, test: testBus } = await openInProcess();
  const running = totalsOf(bus);
  await running();
  const parquetPath = await produce(testBus, numbers(3));
  const run = async (jobId: string, manifest: object, files: Record<string, string> = {}) =>
    runBatch(bus, await verify(bus, [await putClaimed(bus, { jobId, files, manifest })]));
  const bring = (jobId: string) =>
    run(
      jobId,
      { run_id: 'r', artifacts: [{ artifact_id: 'a', relpath: 'a.parquet', schema_hint: 'canon.numbers' }] },
      { 'a.parquet': parquetPath },
    );
  await bring('first');
  const [key] = await bus.journal.query<{ artifact_key: string }>('SELECT artifact_key FROM _bus.journal');
  const op = {
    type: 'forget',
    artifact_keys: [key?.artifact_key],
    force: true,
    rows: 'default',
    reason: null,
    by: null,
  };
  await run('forget', { artifacts: [], op });
  await bring('again');
  expect(await bus.journal.query('SELECT status FROM _bus.journal ORDER BY seq, ordinal')).toEqual(
    ['ingested', 'done', 'forgotten', 'restored'].map(status => ({ status })),
  );
  expect(readdirSync(join(bus.layout.rejected))).toEqual([]);
  const expected = { jobs: { ingested: 2, duplicate: 0, rejected: 0, done: 1 }, artifacts: 1, rows: 3 };
  expect(await running()).toMatchObject(expected);
  expect(await totalsOf(bus)()).toMatchObject(expected);
});

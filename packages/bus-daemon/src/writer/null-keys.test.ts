import { writeSelect } from '@quantbot/tooling-testing/parquet';
import { expect, test } from 'vitest';
import { compactor, runBatch } from '../../test/support/commits.js';
import { openInProcess } from '../../test/support/in-process-bus.js';
import { putClaimed } from '../../test/support/jobs.js';
import { compactHot } from './compaction/compact.js';
import { followModes } from './compaction/rebuild-tables.js';
import { verify } from './stages/verify.js';

const who = { reason: null, by: null };
const op = { type: 'table_set_mode', table: 't', mode: 'upsert', key: ['k'], order_by: [], ...who };

/** A bus, and jobs of one artifact of `canon.t` with these keys. */
async function opened() {
  const { bus, test: place } = await openInProcess();
  const claimed = async (jobId: string, keys: readonly string[]) => {
    const path = await writeSelect(place.folder, `SELECT unnest([${keys}])::VARCHAR AS k, 1 AS v`);
    const manifest = { artifacts: [{ artifact_id: jobId, relpath: 'a.parquet', schema_hint: 'canon.t' }] };
    return putClaimed(bus, { jobId, files: { 'a.parquet': path }, manifest });
  };
  const operation = (jobId: string, asked: object) =>
    putClaimed(bus, { jobId, files: {}, manifest: { artifacts: [], op: asked } });
  return { bus, claimed, operation };
}

test('a forgotten artifact whose bytes are still there does not keep its table from a key', async () => {
  const { bus, claimed, operation } = await opened();
  await runBatch(bus, await verify(bus, [await claimed('null', ['NULL']), await claimed('whole', [`'a'`])]));
  const rejected = async (jobId: string) => {
    await runBatch(bus, await verify(bus, [operation(jobId, op)]));
    return (await bus.journal.jobHeads(bus.journal.lastSeq - 1, bus.journal.lastSeq))[0]?.isRejected;
  };
  expect(await rejected('early')).toBe(true);
  const [first] = await bus.journal.rows(`WHERE status = 'ingested'`);
  const forget = { type: 'forget', artifact_keys: [first?.artifact_key], force: true, rows: 'default', ...who };
  await runBatch(bus, await verify(bus, [operation('forget', forget)]));
  expect(await rejected('late')).toBe(false);
});

test('a job that was verified before its table got a key is looked at again', async () => {
  const { bus, claimed, operation } = await opened();
  await runBatch(bus, await verify(bus, [await claimed('first', [`'a'`, `'b'`])]));
  const jobs = [operation('set', op), await claimed('whole', [`'b'`, `'c'`]), await claimed('null', [`'d'`, 'NULL'])];
  await runBatch(bus, await verify(bus, jobs));
  const settled = await bus.journal.query<{ job_id: string; status: string; details: string | null }>(
    `SELECT job_id, status, reject_details AS details FROM _bus.journal WHERE seq > 1 ORDER BY seq`,
  );
  expect(settled).toEqual([
    { job_id: 'set', status: 'done', details: null },
    { job_id: 'whole', status: 'ingested', details: null },
    {
      job_id: 'null',
      status: 'rejected',
      details: JSON.stringify(['k: NULL in 1 of 2 rows, and every row must have a value']),
    },
  ]);
  // An append table has every row: it stays visible, and its files follow with the next compaction.
  expect(bus.tables.tables()).toMatchObject([{ name: 't', mode: 'upsert', key: ['k'] }]);
  await compactHot(bus, compactor);
  expect(await followModes(bus, compactor, () => {})).toEqual(['t']);
  expect(await followModes(bus, compactor, () => {})).toEqual([]);
});

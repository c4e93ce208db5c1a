import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { writeSelect } from '@quantbot/tooling-testing/parquet';
import { expect, onTestFinished, test } from 'vitest';
import { compactor, runBatch } from '../../test/support/commits.js';
import { openInProcess } from '../../test/support/in-process-bus.js';
import { putClaimed } from '../../test/support/jobs.js';
import { compactHot } from './compaction/compact.js';
import { followModes } from './compaction/rebuild-tables.js';
import type { CheckedJob } from './job.js';
import { LargeJobs } from './loop/large-jobs.js';
import { lookAhead } from './stages/table-operation.js';
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
  const outcome = async () => {
    const [job] = await bus.journal.jobHeads(bus.journal.lastSeq - 1, bus.journal.lastSeq);
    return job?.isRejected === true ? 'rejected' : 'done';
  };
  /** Hands an operation over, as the loop does, and returns it once the files have been read. */
  const lookedAhead = async (jobId: string, asked: object) => {
    const beside = new LargeJobs(bus, () => {}, lookAhead(bus));
    onTestFinished(() => beside.stop());
    expect(await verify({ ...bus, beside }, [operation(jobId, asked)])).toEqual([]);
    return eventually(
      () => beside.takeReady(),
      ready => ready.length > 0,
    );
  };
  /** Replaces the stored file of a job by one with NULL in its key, so that a second look shows. */
  const spoil = async (jobId: string) => {
    const [row] = await bus.journal.rows(`WHERE job_id = '${jobId}'`);
    const path = join(bus.layout.root, row?.rel_path ?? '');
    const nulls = await writeSelect(place.folder, 'SELECT NULL::VARCHAR AS k, 1 AS v');
    chmodSync(path, 0o600);
    writeFileSync(path, readFileSync(nulls));
  };
  return { bus, claimed, operation, outcome, lookedAhead, spoil };
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

test('a new key is looked up beside ingestion; the commit reads only the files that came later', async () => {
  const { bus, claimed, outcome, lookedAhead, spoil } = await opened();
  await runBatch(bus, await verify(bus, [await claimed('early', [`'a'`, `'b'`])]));
  const set = await lookedAhead('set', op);
  await spoil('early');
  await runBatch(bus, await verify(bus, [await claimed('late', [`'c'`])]));
  await runBatch(bus, set);
  expect(await outcome()).toBe('done');
  expect(bus.tables.get('t')).toMatchObject({ mode: 'upsert', key: ['k'] });
});

test('a file with NULL that came after the look still keeps its table from the key', async () => {
  const { bus, claimed, outcome, lookedAhead } = await opened();
  await runBatch(bus, await verify(bus, [await claimed('early', [`'a'`])]));
  const set = await lookedAhead('set', op);
  await runBatch(bus, await verify(bus, [await claimed('late', ['NULL'])]));
  await runBatch(bus, set);
  expect(await outcome()).toBe('rejected');
  expect(bus.tables.get('t')).toMatchObject({ mode: 'append' });
});

test('a look at one key says nothing about another', async () => {
  const { bus, claimed, operation, outcome, lookedAhead } = await opened();
  await runBatch(bus, await verify(bus, [await claimed('early', ['NULL'])]));
  const [looked] = await lookedAhead('v', { ...op, key: ['v'] });
  const [other] = await verify(bus, [operation('k', op)]);
  if (looked === undefined || other === undefined || !('seenKeys' in looked)) throw new Error('no job');
  await runBatch(bus, [{ ...other, seenKeys: looked.seenKeys } as CheckedJob]);
  expect(await outcome()).toBe('rejected');
});

test('a drop does not overtake the change of the key before it', async () => {
  const { bus, claimed, operation } = await opened();
  await runBatch(bus, await verify(bus, [await claimed('early', [`'a'`])]));
  const beside = new LargeJobs(bus, () => {}, lookAhead(bus));
  onTestFinished(() => beside.stop());
  const jobs = [operation('set', op), operation('drop', { type: 'table_drop', table: 't', ...who })];
  const now = await verify({ ...bus, beside }, jobs);
  const later: CheckedJob[] = [];
  await eventually(
    () => later.push(...beside.takeReady()),
    () => !beside.busy,
  );
  expect([...now, ...later].map(({ jobId }) => jobId)).toEqual(['set', 'drop']);
});

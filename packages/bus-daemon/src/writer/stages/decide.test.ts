import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Journal } from '@quantbot/bus-format/journal';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { expect, test } from 'vitest';
import { compactor, runBatch } from '../../../test/support/commits.js';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import { putClaimed } from '../../../test/support/jobs.js';
import { queryPublished } from '../../../test/support/published.js';
import { compactHot } from '../compaction/compact.js';
import { followModes } from '../compaction/rebuild-tables.js';
import { Publisher } from '../publish/publisher.js';
import { verify } from './verify.js';

/** A bus with one artifact in a canonical table, and a copy of its file. */
async function busWithArtifact() {
  const { bus, test: testBus } = await openInProcess();
  const produced = { own: await produce(testBus, numbers(3)), other: await produce(testBus, numbers(4)) };
  const submit = async (jobId: string, parquet: string, schema_hint = 'canon.t') => {
    mkdirSync(join(testBus.folder, jobId));
    const file = join(testBus.folder, jobId, 'a.parquet');
    copyFileSync(parquet, file);
    return putClaimed(bus, {
      jobId,
      files: { 'a.parquet': file },
      manifest: { run_id: 'r', artifacts: [{ artifact_id: 'a', relpath: 'a.parquet', schema_hint }] },
    });
  };
  const run = async (...jobs: [jobId: string, parquet: string, hint?: string][]) => {
    const claimed = [];
    for (const job of jobs) claimed.push(await submit(...job));
    await runBatch(bus, await verify(bus, claimed));
  };
  await run(['first', produced.own]);
  const [row] = await bus.journal.ingestedBetween(0, 1);
  const stored = join(bus.layout.root, row?.rel_path ?? '');
  const ofJob = async (seq: number) => [...(await bus.journal.jobsOf([seq])).values()].flat();
  return { bus, testBus, produced, run, stored, bytes: readFileSync(stored), ofJob };
}

test('the bytes of an artifact whose stored file was lost go back into their place, and add nothing', async () => {
  const { bus, produced, run, stored, bytes, ofJob } = await busWithArtifact();
  rmSync(stored);
  await run(['again', produced.own], ['third', produced.own]);
  expect(readFileSync(stored).equals(bytes)).toBe(true);
  expect((await ofJob(2)).map(({ status }) => status)).toEqual(['duplicate']);
  expect((await ofJob(3)).map(({ status }) => status)).toEqual(['duplicate']);
  expect(await bus.journal.ingestedBetween(0, 10)).toHaveLength(1);
  expect(bus.journal.hotTableFiles).toBe(1);
});

test('other bytes under the key of a lost artifact are a conflict that says how to restore it', async () => {
  const { bus, produced, run, stored, ofJob } = await busWithArtifact();
  const [{ sha256 } = { sha256: '' }] = await bus.journal.ingestedBetween(0, 1);
  rmSync(stored);
  await run(['other', produced.other]);
  expect(existsSync(stored)).toBe(false);
  const [row] = await ofJob(2);
  expect(row).toMatchObject({ status: 'rejected', reject_code: 'ARTIFACT_CONFLICT' });
  expect(row?.reject_error).toContain('its stored file is lost');
  expect(row?.reject_details).toContain(`submit the bytes with the sha256 ${sha256} again`);
  await run(['own', produced.own]);
  expect(existsSync(stored)).toBe(true);
});

test('rows that come back are in their table again, whatever hint their bytes come with', async () => {
  const { bus, testBus, produced, run, ofJob } = await busWithArtifact();
  const publisher = new Publisher(bus);
  const rows = async () => {
    await compactHot(bus, compactor);
    await followModes(bus, compactor, error => {
      throw error;
    });
    await publisher.publishOrThrow();
    return (await queryPublished(testBus, 'SELECT n FROM canon.t ORDER BY n')).map(({ n }) => n);
  };
  const { artifact_key } = (await ofJob(1))[0] ?? {};
  const operate = async (jobId: string, op: object) => {
    const manifest = { artifacts: [], op: { ...op, reason: null, by: null } };
    await runBatch(bus, await verify(bus, [putClaimed(bus, { jobId, manifest })]));
  };
  const forget = { type: 'forget', artifact_keys: [artifact_key], force: true, rows: 'drop' };
  await operate('forget', forget);
  expect(await rows()).toEqual([]);
  await run(['back', produced.own, 'canon.other']);
  expect(await ofJob(3)).toMatchObject([{ status: 'restored', schema_hint: 'canon.t' }]);
  expect(await rows()).toEqual([0, 1, 2]);

  // With a hint of another table, nothing has looked for NULL in the key.
  await operate('forget-again', forget);
  await operate('key', { type: 'table_set_mode', table: 't', mode: 'upsert', key: ['n'], order_by: [] });
  await run(['elsewhere', produced.own, 'canon.other']);
  expect(await ofJob(6)).toMatchObject([{ status: 'rejected', reject_code: 'SCHEMA_MISMATCH' }]);
  await run(['here', produced.own]);
  expect(await ofJob(7)).toMatchObject([{ status: 'restored' }]);
});

test('a journal that is opened again knows the keys of before', async () => {
  const { bus } = await busWithArtifact();
  const [{ artifact_key: key } = { artifact_key: '' }] = await bus.journal.ingestedBetween(0, 1);
  const again = await Journal.open(bus.layout);
  expect([again.mayHave(key ?? ''), again.mayHave(`${key}2`)]).toEqual([true, false]);
  again.close();
});

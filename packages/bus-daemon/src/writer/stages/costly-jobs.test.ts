import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { numbers, produce, writeSelect } from '@quantbot/tooling-testing/parquet';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { expect, test } from 'vitest';
import { openInProcess, packageFolder } from '../../../test/support/in-process-bus.js';
import { putClaimed } from '../../../test/support/jobs.js';
import type { Bus } from '../bus.js';
import { lookInto } from '../file-thread/look-into.js';
import { type ClaimedJob, isRejected } from '../job.js';
import { decide } from './decide.js';
import { verify } from './verify.js';

/** A bus whose batches can hand jobs over, and a list of those jobs. */
async function openBusy(settings: Record<string, unknown> = {}) {
  const { bus, test: testBus } = await openInProcess(settings);
  const handedOver: string[] = [];
  const slow: string[] = [];
  const beside = {
    add: (job: ClaimedJob) => void handedOver.push(job.jobId),
    isSlow: (producer: string) => slow.includes(producer),
    noteSlow: (producer: string) => void slow.push(producer),
  };
  return { bus, testBus, busy: { ...bus, beside }, handedOver };
}

const fixture = (name: string) => join(packageFolder, `fixtures/parquet/${name}.parquet`);

/** A claimed job with one file for a canonical table. */
function jobWith(bus: Bus, jobId: string, parquetPath: string, more: { producer?: string; ids?: number } = {}) {
  const { ids = 1, ...manifest } = more;
  const artifacts = Array.from({ length: ids }, (_, i) => ({
    artifact_id: `a${i}`,
    relpath: 'a.parquet',
    schema_hint: 'canon.t',
  }));
  const job = putClaimed(bus, { jobId, files: { 'a.parquet': parquetPath }, manifest: { artifacts, ...manifest } });
  return { ...job, files: new Map(lookInto(job.folder).files) };
}

const outcomes = async (bus: Bus, jobs: ClaimedJob[]) =>
  (await verify(bus, jobs)).map(job => [job.jobId, isRejected(job) ? job.error.code : 'good']);

test('a job with very many artifacts is handed over, so that the others do not wait for it', async () => {
  const { bus, testBus, busy, handedOver } = await openBusy();
  const file = await produce(testBus, numbers(3));
  const jobs = [jobWith(bus, 'crowd', file, { ids: 1001 }), jobWith(bus, 'small', file)];
  expect(await outcomes(busy, jobs)).toEqual([['small', 'good']]);
  expect(handedOver).toEqual(['crowd']);
});

test('a job whose file spoils the process is handed over, with what its producer sends next; the others are not kept', async () => {
  const { bus, testBus, busy, handedOver } = await openBusy();
  const good = await produce(testBus, numbers(3));
  const jobs = [
    jobWith(bus, 'odd', fixture('variant-without-value'), { producer: 'careless' }),
    jobWith(bus, 'good', good),
  ];
  expect(await outcomes(busy, jobs)).toEqual([['good', 'good']]);
  expect(handedOver).toEqual(['odd']);
  expect(await outcomes(busy, [jobWith(bus, 'next', good, { producer: 'careless' })])).toEqual([]);
  expect(handedOver).toEqual(['odd', 'next']);
  expect(await outcomes(bus, jobs)).toEqual([
    ['odd', 'UNSUPPORTED_PARQUET'],
    ['good', 'good'],
  ]);
});

test('a broken file is rejected where it is', async () => {
  const { bus, busy, handedOver } = await openBusy();
  expect(await outcomes(busy, [jobWith(bus, 'broken', fixture('flipped-page'))])).toEqual([['broken', 'NOT_PARQUET']]);
  expect(handedOver).toEqual([]);
});

sampled('slow files keep the jobs of their batch waiting for seconds, however many producers they have', async () => {
  const { bus, testBus, busy, handedOver } = await openBusy();
  const good = await produce(testBus, numbers(3));
  const slow = [1, 2, 3, 4].map(n => jobWith(bus, `slow-${n}`, fixture('repeated-30-deep'), { producer: `p${n}` }));
  const begun = performance.now();
  expect(await outcomes(busy, [jobWith(bus, 'good', good), ...slow])).toEqual([['good', 'good']]);
  expect(performance.now() - begun).toBeLessThan(30_000);
  expect(handedOver).toEqual(slow.map(job => job.jobId));
});

test('a job that has one file under so many ids that they are large together is handed over', async () => {
  const { bus, testBus, busy, handedOver } = await openBusy({ batch: { max_bytes: 100_000 } });
  const path = await produce(testBus, numbers(1_000, ', hash(range)::VARCHAR AS text'));
  const jobs = [jobWith(bus, 'one', path), jobWith(bus, 'many', path, { ids: 50 })];
  expect(await outcomes(busy, jobs)).toEqual([['one', 'good']]);
  expect(handedOver).toEqual(['many']);
});

test('a long footer is read beside the others, in a process of its own', async () => {
  const { bus, testBus, busy, handedOver } = await openBusy();
  const long = await writeSelect(testBus.folder, numbers(3), `, KV_METADATA {note: repeat('x', 2_000_000)}`);
  const broken = join(testBus.folder, 'broken.parquet');
  const file = openSync(broken, 'w');
  const bytes = readFileSync(long);
  writeSync(file, bytes.fill(0xff, bytes.length - 1_000_000, bytes.length - 8));
  closeSync(file);
  const jobs = [jobWith(bus, 'long', long), jobWith(bus, 'broken', broken)];
  expect(await outcomes(busy, jobs)).toEqual([]);
  expect(handedOver.sort()).toEqual(['broken', 'long']);
  expect(await outcomes(bus, jobs)).toEqual([
    ['long', 'good'],
    ['broken', 'NOT_PARQUET'],
  ]);
});

test('a file that consists of holes is refused before it is read, one with as many bytes is not', async () => {
  const { bus, testBus } = await openBusy();
  const small = readFileSync(await produce(testBus, numbers(3)));
  const footer = small.subarray(small.length - 8 - small.readUInt32LE(small.length - 8));
  const withData = (jobId: string, bytes: number) => {
    const job = jobWith(bus, jobId, fixture('trades'));
    const file = openSync(join(job.folder, 'a.parquet'), 'w');
    writeSync(file, small, 0, 4);
    writeSync(file, Buffer.alloc(bytes, 7), 0, bytes, 4096);
    const size = 40_000_000;
    ftruncateSync(file, size);
    writeSync(file, footer, 0, footer.length, size - footer.length);
    closeSync(file);
    return { ...job, files: new Map(lookInto(job.folder).files) };
  };
  const jobs = [withData('holes', 4096), withData('dense', 8_000_000)];
  const [holes, dense] = await verify(bus, jobs);
  expect(holes).toMatchObject({ error: { code: 'SPARSE_FILE' } });
  expect(dense).not.toMatchObject({ error: { code: 'SPARSE_FILE' } });
});

test('a file with more row groups than the configuration allows is refused', async () => {
  const { bus, testBus } = await openBusy({ limits: { max_row_groups: 2 } });
  const path = await writeSelect(testBus.folder, numbers(10_000), ', ROW_GROUP_SIZE 2048');
  expect(await outcomes(bus, [jobWith(bus, 'groups', path)])).toEqual([['groups', 'TOO_LARGE']]);
});

test('the bytes of all artifacts of a job are bounded before any is read, also in folders and with one file under many ids', async () => {
  const { bus, testBus } = await openBusy({ limits: { max_job_bytes: 50_000 } });
  const path = await produce(testBus, numbers(1_000, ', hash(range)::VARCHAR AS text'));
  const inFolder = (jobId: string, ids: number) =>
    putClaimed(bus, {
      jobId,
      files: { 'sub/a.parquet': path },
      manifest: {
        artifacts: Array.from({ length: ids }, (_, i) => ({ artifact_id: `a${i}`, relpath: 'sub/a.parquet' })),
      },
    });
  const jobs = [
    jobWith(bus, 'one', path),
    jobWith(bus, 'many', path, { ids: 5 }),
    inFolder('one-below', 1),
    inFolder('many-below', 5),
  ];
  expect(await outcomes(bus, jobs)).toEqual([
    ['one', 'good'],
    ['many', 'TOO_LARGE'],
    ['one-below', 'good'],
    ['many-below', 'TOO_LARGE'],
  ]);
});

test('a job that makes more tables than its producer may is rejected, and makes none', async () => {
  const { bus, testBus } = await openBusy({ canon: { max_new_tables_per_hour: 2, tables: { declared: {} } } });
  const path = await produce(testBus, numbers(3));
  const withTables = (jobId: string, ...tables: string[]) => {
    const artifacts = tables.map(name => ({
      artifact_id: name,
      relpath: 'a.parquet',
      schema_hint: `canon.${name}`,
    }));
    return putClaimed(bus, { jobId, files: { 'a.parquet': path }, manifest: { artifacts } });
  };
  const jobs = [
    withTables('three', 't1', 't2', 't3'),
    withTables('two', 't1', 't2', 'declared'),
    withTables('one', 't4'),
  ];
  const { jobs: decided, tables } = await decide(bus, await verify(bus, jobs));
  expect(decided.map(job => (isRejected(job) ? job.error.code : 'good'))).toEqual(['TOO_LARGE', 'good', 'TOO_LARGE']);
  expect(tables.tables().map(({ name }) => name)).toEqual(['declared', 't1', 't2']);
});

test('another user of the machine has one share of new tables, whatever names its manifests give', async () => {
  const { bus, testBus } = await openBusy({ canon: { max_new_tables_per_hour: 2 } });
  const path = await produce(testBus, numbers(3));
  const ofUser = (user: number, name: string) => ({
    ...putClaimed(bus, {
      jobId: name,
      files: { 'a.parquet': path },
      manifest: {
        producer: `called-${name}`,
        artifacts: [{ artifact_id: name, relpath: 'a.parquet', schema_hint: `canon.${name}` }],
      },
    }),
    producer: `user ${user}`,
  });
  const jobs = [ofUser(7, 'a'), ofUser(7, 'b'), ofUser(7, 'c'), ofUser(8, 'd')];
  const { jobs: decided } = await decide(bus, await verify(bus, jobs));
  expect(decided.map(job => (isRejected(job) ? job.error.code : 'good'))).toEqual([
    'good',
    'good',
    'TOO_LARGE',
    'good',
  ]);
});

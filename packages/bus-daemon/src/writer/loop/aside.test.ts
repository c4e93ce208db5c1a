import { expect, test } from 'vitest';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import type { ClaimedJob } from '../job.js';
import { Aside } from './aside.js';

const jobs: ClaimedJob[] = ['a', 'b', 'c'].map(jobId => ({
  claim: `claim-${jobId}`,
  jobId,
  folder: `/unused/${jobId}`,
}));
const [a, b, c] = jobs as [ClaimedJob, ClaimedJob, ClaimedJob];
const unforeseen = new Error('nobody foresaw this');
const diskFull = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'write' });

async function makeAside() {
  const { bus, advance } = await openInProcess();
  return { aside: new Aside(bus), advance, layout: bus.layout };
}

test('a batch that fails for a reason nobody foresaw is tried again job by job, then together again', async () => {
  const { aside } = await makeAside();
  expect(aside.nextBatch(jobs, 2)).toEqual([a, b]);
  aside.failed([a, b], unforeseen);
  expect(aside.nextBatch(jobs, 64)).toEqual([a]);
  aside.succeeded([a]);
  expect(aside.nextBatch([b, c], 64)).toEqual([b]);
  aside.succeeded([b]);
  expect(aside.nextBatch([c], 64)).toEqual([c]);
  expect(aside.nextBatch(jobs, 64)).toEqual(jobs);
});

test('a job that fails alone rests for a minute, and the jobs behind it go on', async () => {
  const { aside, advance } = await makeAside();
  aside.failed([a], unforeseen);
  expect(aside.has(a)).toBe(true);
  expect(aside.nextBatch(jobs, 64)).toEqual([b, c]);
  expect(aside.isDue).toBe(false);
  advance(60_000);
  expect(aside.isDue).toBe(true);
  aside.release();
  expect([aside.isDue, aside.has(a)]).toEqual([false, false]);
  expect(aside.nextBatch(jobs, 64)).toEqual(jobs);
});

test('what a system call says of a path that is not as expected is held against the job', async () => {
  const { aside, layout } = await makeAside();
  const at = (path: string) => Object.assign(new Error('EISDIR'), { code: 'EISDIR', syscall: 'open', path });
  aside.failed([a], at(`${layout.store}/tests`));
  expect(aside.nextBatch(jobs, 64)).toEqual(jobs);
  aside.failed([a], at(`${layout.claimed}/job/file`));
  expect(aside.nextBatch(jobs, 64)).toEqual([b, c]);
});

test('no job is put aside for what is the fault of the machine', async () => {
  const { aside } = await makeAside();
  aside.failed([a], diskFull);
  aside.failed([a, b], diskFull);
  aside.failed([], unforeseen);
  expect(aside.nextBatch(jobs, 64)).toEqual(jobs);
});

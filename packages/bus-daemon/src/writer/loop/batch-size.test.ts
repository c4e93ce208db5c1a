import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { lookInto } from '../file-thread/look-into.js';
import { splitBySize } from './batch-size.js';

const jobsOf = (...sizes: number[]) => {
  const root = temporaryFolder();
  return sizes.map((size, index) => {
    const folder = join(root, String(index));
    mkdirSync(folder);
    writeFileSync(join(folder, 'a.parquet'), Buffer.alloc(size));
    return { claim: String(index), jobId: `job-${index}`, folder, files: new Map(lookInto(folder).files) };
  });
};
const taken = (jobs: ReturnType<typeof jobsOf>, max: number) => splitBySize(jobs, max).batch.map(job => job.jobId);

test('jobs go into one batch as long as their files fit', () => {
  expect(taken(jobsOf(24, 24, 24, 24, 24), 100)).toEqual(['job-0', 'job-1', 'job-2', 'job-3']);
  expect(taken(jobsOf(24, 24), 100)).toEqual(['job-0', 'job-1']);
});

test('a job that has more than a quarter of the bytes of a batch goes its own way, and the others do not wait for it', () => {
  const { batch, large } = splitBySize(jobsOf(1, 500, 2, 26, 25), 100);
  expect(large.map(job => job.jobId)).toEqual(['job-1', 'job-3']);
  expect(batch.map(job => job.jobId)).toEqual(['job-0', 'job-2', 'job-4']);
  expect(splitBySize([], 100)).toEqual({ batch: [], large: [] });
});

test('a job whose size cannot be seen at a glance goes its own way: what lies in its folders may be large', () => {
  const [heavy, flat, unseen, light, crowded] = jobsOf(1, 1, 1, 1, 1);
  if (!heavy || !flat || !unseen || !light || !crowded) throw new Error('no jobs');
  for (const [job, bytes, files] of [
    [heavy, 30, 1],
    [light, 5, 2],
    [crowded, 0, 201],
  ] as const) {
    mkdirSync(join(job.folder, 'deep/deeper'), { recursive: true });
    for (let i = 0; i < files; i++) writeFileSync(join(job.folder, `deep/deeper/${i}`), 'x'.repeat(bytes));
    job.files = new Map(lookInto(job.folder).files);
  }
  const { batch, large } = splitBySize([heavy, flat, { ...unseen, files: undefined }, light, crowded], 100);
  expect(large.map(job => job.jobId)).toEqual(['job-0', 'job-2', 'job-4']);
  expect(batch.map(job => job.jobId)).toEqual(['job-1', 'job-3']);
});

test('jobs of very many files do not come together, and one of more than that comes alone', () => {
  const [few, many, tooMany, last] = jobsOf(1, 1, 1, 1);
  const fill = (job: typeof few, count: number) => {
    if (job === undefined) return;
    for (let i = 1; i < count; i++) writeFileSync(join(job.folder, `${i}.parquet`), '');
    job.files = new Map(lookInto(job.folder).files);
  };
  fill(few, 250);
  fill(many, 700);
  fill(tooMany, 1001);
  const batches = [];
  for (let left = [few, many, tooMany, last].filter(job => job !== undefined); left.length > 0; ) {
    const { batch } = splitBySize(left, 100);
    batches.push(batch.map(job => job.jobId));
    left = left.slice(batch.length);
  }
  expect(batches).toEqual([['job-0', 'job-1'], ['job-2'], ['job-3']]);
});

test('a folder that cannot be read does not hold up the batch', () => {
  expect(
    taken([{ claim: 'c', jobId: 'gone', folder: '/no/such/folder', files: new Map() }, ...jobsOf(1)], 100),
  ).toEqual(['gone', 'job-0']);
});

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../test/support/temporary-folder.js';
import { withinBytes } from './batch-size.js';

const jobsOf = (...sizes: number[]) => {
  const root = temporaryFolder();
  return sizes.map((size, index) => {
    const folder = join(root, String(index));
    mkdirSync(folder);
    writeFileSync(join(folder, 'a.parquet'), Buffer.alloc(size));
    return { claim: String(index), jobId: `job-${index}`, folder };
  });
};
const taken = (jobs: ReturnType<typeof jobsOf>, max: number) => withinBytes(jobs, max).map(job => job.jobId);

test('jobs go into one batch as long as their files fit', () => {
  expect(taken(jobsOf(40, 40, 40), 100)).toEqual(['job-0', 'job-1']);
  expect(taken(jobsOf(40, 40), 100)).toEqual(['job-0', 'job-1']);
});

test('a job that is larger than a batch goes alone, and nothing waits for ever', () => {
  expect(taken(jobsOf(500, 1), 100)).toEqual(['job-0']);
  expect(taken(jobsOf(1, 500, 1), 100)).toEqual(['job-0']);
  expect(taken([], 100)).toEqual([]);
});

test('a folder that cannot be read does not hold up the batch', () => {
  expect(taken([{ claim: 'c', jobId: 'gone', folder: '/no/such/folder' }, ...jobsOf(1)], 100)).toEqual([
    'gone',
    'job-0',
  ]);
});

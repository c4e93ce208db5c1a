import { expect, test } from 'vitest';
import { pagesOf } from './recover.js';

const jobs = (...rows: number[]) =>
  rows.map((count, index) => ({ seq: 100 - index, jobId: 'j', isRejected: false, committedAtMs: 0, rows: count }));
const seqsOf = (pages: Iterable<readonly { seq: number }[]>) => [...pages].map(page => page.map(({ seq }) => seq));

test('jobs come in pages that follow one another, newest first, each of a bounded number of rows', () => {
  expect(seqsOf(pagesOf(jobs(400, 400, 400, 1, 1000)))).toEqual([[100, 99], [98, 97], [96]]);
});

test('a job with more rows than that is a page of its own', () => {
  expect(seqsOf(pagesOf(jobs(1, 10_000, 10_000, 1)))).toEqual([[100], [99], [98], [97]]);
  expect([...pagesOf([])]).toEqual([]);
});

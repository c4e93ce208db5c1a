import { expect, test } from 'vitest';
import { pagesOf } from './recover.js';

const jobs = (...rows: number[]) => rows.map((count, index) => ({ seq: 100 - index, rows: count }));

test('jobs are looked at in pages that follow one another, newest first, each of a bounded number of rows', () => {
  expect([...pagesOf(jobs(400, 400, 400, 1, 1000))]).toEqual([
    { first: 99, last: 100 },
    { first: 97, last: 98 },
    { first: 96, last: 96 },
  ]);
});

test('a job with more rows than that is a page of its own', () => {
  expect([...pagesOf(jobs(1, 10_000, 10_000, 1))].map(({ first, last }) => last - first + 1)).toEqual([1, 1, 1, 1]);
  expect([...pagesOf([])]).toEqual([]);
});

import { expect, test } from 'vitest';
import { waitAfter } from './backoff.js';

test('each wait is twice the one before, up to the longest, however many failures there were', () => {
  const backoff = { firstMs: 200, maxMs: 1000 };
  expect([1, 2, 3, 4, 5, 5000].map(failures => waitAfter(backoff, failures))).toEqual([
    200, 400, 800, 1000, 1000, 1000,
  ]);
});

import { sampleOf } from '@quantbot/tooling-config/campaign';
import { describe, expect, test } from 'vitest';
import { costOfAJob, costOfASubmission, type JobCost } from '../src/cost-of-a-job.js';
import { whyNoStrace } from '../src/strace.js';

/**
 * The counts when the bounds were last set (docs/performance.md), plus a tenth. Lower them when you
 * make a job cheaper. If you must raise them, say why.
 */
const bounds: Record<'catalogued' | 'canonical' | 'submitted', JobCost> = {
  catalogued: { calls: 38, flushes: 1.1, bytesWritten: 775 },
  canonical: { calls: 71, flushes: 1.1, bytesWritten: 775 },
  submitted: { calls: 30, flushes: 4.4, bytesWritten: 645 },
};

describe.skipIf(whyNoStrace() !== undefined)('a job costs no more than it did', () => {
  const kinds = [
    ['the daemon', 'catalogued', () => costOfAJob()],
    ['the daemon', 'canonical', () => costOfAJob('canon.probes')],
    ['the producer', 'submitted', costOfASubmission],
  ] as const;

  test.each(sampleOf(kinds, 1))('%s, %s', { tags: ['campaign'] }, async (_, which, cost) => {
    expectWithin(await cost(), bounds[which]);
  });
});

function expectWithin(cost: JobCost, bound: JobCost): void {
  expect(cost.flushes).toBeGreaterThan(1); // at least each artifact is flushed, so the count works
  expect(cost.calls).toBeLessThanOrEqual(bound.calls);
  expect(cost.flushes).toBeLessThanOrEqual(bound.flushes);
  expect(cost.bytesWritten).toBeLessThanOrEqual(bound.bytesWritten);
}

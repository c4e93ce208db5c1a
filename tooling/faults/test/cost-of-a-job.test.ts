import { describe, expect, test } from 'vitest';
import { costOfAJob } from '../src/cost-of-a-job.js';
import { whyNoStrace } from '../src/strace.js';

/**
 * What was counted when the bounds were last set (docs/performance.md), plus a tenth. Whoever makes a job cheaper lowers them; whoever needs
 * more says why.
 */
const bounds = {
  catalogued: { calls: 55, flushes: 1.2, bytesWritten: 830 },
  canonical: { calls: 88, flushes: 1.2, bytesWritten: 830 },
};

describe.skipIf(whyNoStrace() !== undefined)('a job costs no more than it did', () => {
  test.each([
    ['catalogued', undefined],
    ['canonical', 'canon.probes'],
  ] as const)('%s', async (which, schemaHint) => {
    const cost = await costOfAJob(schemaHint);
    expect(cost.flushes).toBeGreaterThan(1); // each artifact is flushed at least, so something was counted
    expect(cost.calls).toBeLessThanOrEqual(bounds[which].calls);
    expect(cost.flushes).toBeLessThanOrEqual(bounds[which].flushes);
    expect(cost.bytesWritten).toBeLessThanOrEqual(bounds[which].bytesWritten);
  });
});

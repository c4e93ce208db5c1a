import { eventually } from '@quantbot/tooling-testing/eventually';
import { expect, onTestFinished, test } from 'vitest';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import { putClaimed } from '../../../test/support/jobs.js';
import { LargeJobs } from './large-jobs.js';

test('producers of large jobs take turns', async () => {
  const { bus } = await openInProcess();
  const large = new LargeJobs(bus, () => {});
  onTestFinished(() => large.stop());
  for (const [jobId, producer] of [
    ['a1', 'a'],
    ['a2', 'a'],
    ['a3', 'a'],
    ['b1', 'b'],
  ] as const)
    large.add({
      ...putClaimed(bus, { jobId, manifest: { producer } }),
      submittedAtMs: Number(jobId.slice(1)),
    });
  const order: string[] = [];
  await eventually(
    () => order.push(...large.takeReady().map(({ jobId }) => jobId)),
    count => count === 4,
  );
  expect(order.filter(id => id !== 'b1')).toEqual(['a1', 'a2', 'a3']);
  expect(order.at(-1)).toBe('a3'); // b1 has had its turn before
});

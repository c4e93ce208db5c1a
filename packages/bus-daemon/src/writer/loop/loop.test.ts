import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { submit } from '@quantbot/tooling-testing/submit';
import { expect, onTestFinished, test } from 'vitest';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import { Loop } from './loop.js';

test('a job that failed alone for a reason nobody foresaw is tried again after a minute, while the daemon runs well', async () => {
  const { bus, test: testBus, advance } = await openInProcess({ poll_interval_s: 0.05 });
  const { files } = bus;
  let failures = 0;
  const failing = Object.assign(Object.create(files) as typeof files, {
    request: (task: Parameters<typeof files.request>[0]) => {
      const isBad = task.task === 'store' && task.orders.some(order => order.target.includes('bad'));
      if (!isBad || failures > 0) return files.request(task);
      failures++;
      return Promise.reject(new Error('nobody foresaw this'));
    },
  });
  const loop = new Loop({ ...bus, files: failing }, false);
  const running = loop.run();
  onTestFinished(async () => {
    loop.stop();
    await running;
  });
  const hasSettled = (jobId: string) => existsSync(join(bus.layout.processed, jobId, 'RECEIPT.json'));
  await submit(testBus, { runId: 'bad', jobId: 'bad' });
  await eventually(
    () => failures,
    times => times === 1,
  );
  for (const jobId of ['good-1', 'good-2']) {
    await submit(testBus, { runId: jobId, jobId });
    await eventually(() => hasSettled(jobId), Boolean);
  }
  expect(hasSettled('bad')).toBe(false);
  advance(60_000);
  await eventually(() => hasSettled('bad'), Boolean);
});

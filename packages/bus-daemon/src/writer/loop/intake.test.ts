import { readdirSync } from 'node:fs';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { writeToInbox } from '@quantbot/tooling-testing/raw-job';
import { expect, test } from 'vitest';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import { Intake } from './intake.js';

/** A bus with this many jobs in its inbox. A claim takes two. */
async function intakeOf(jobs: number) {
  const { bus, test: testBus } = await openInProcess({ batch: { max_jobs: 2 } });
  for (let i = 1; i <= jobs; i++) writeToInbox(testBus, { jobId: `job-${i}` });
  const waiting = () => readdirSync(bus.layout.inbox).length;
  return { bus, intake: new Intake(bus), waiting };
}

test('what is known to wait is claimed ahead, a batch at a time', async () => {
  const { intake, waiting } = await intakeOf(5);
  expect(intake.hasWaiting).toBe(false);
  expect(await intake.claimed()).toHaveLength(2);
  expect(waiting()).toBe(3);
  intake.keepOnly(() => false);
  expect(intake.hasWaiting).toBe(true);
  await eventually(waiting, left => left === 1); // claimed before the first request
  expect(await intake.claimed()).toHaveLength(2);
  intake.keepOnly(() => false);
  expect(await intake.claimed()).toHaveLength(1);
  intake.keepOnly(() => false);
  expect(intake.hasWaiting).toBe(false);
  expect(await intake.claimed()).toEqual([]);
});

test('jobs that stay are offered again before others are claimed', async () => {
  const { intake, waiting } = await intakeOf(3);
  const [first, second] = await intake.claimed();
  intake.keepOnly(job => job === second);
  expect(await intake.claimed()).toEqual([second]);
  expect(first).not.toEqual(second);
  expect(waiting()).toBe(1);
});

test('what is forgotten lies in claimed, and no claim is under way any more', async () => {
  const { bus, intake, waiting } = await intakeOf(6);
  await intake.claimed();
  intake.keepOnly(() => false);
  await intake.forgetClaims();
  expect(readdirSync(bus.layout.claimed)).toHaveLength(4);
  expect(waiting()).toBe(2);
  expect(await intake.claimed()).toHaveLength(2);
});

test('where a scan takes long, a job of which the system tells is found at once, and another one by the next scan', async () => {
  const { bus, test: testBus, advance } = await openInProcess({ poll_interval_s: 1 });
  const intake = new Intake(bus, { slowScanMs: -1 });
  const take = async () => {
    const ids = (await intake.claimed()).map(({ jobId }) => jobId);
    intake.keepOnly(() => false);
    return ids;
  };
  expect(await take()).toEqual([]); // a scan
  for (const jobId of ['told', 'untold']) writeToInbox(testBus, { jobId });
  intake.hint('told');
  expect(await take()).toEqual(['told']);
  expect(await take()).toEqual([]);
  advance(1_000);
  expect(await take()).toEqual(['untold']);
});

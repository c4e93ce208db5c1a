import { expect, test } from 'vitest';
import { makeCommits } from '../../../test/support/commits.js';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import { Publisher } from '../publish/publisher.js';
import { Maintenance } from './maintenance.js';

test('while exports run, nothing is due: the loop does not look for them again and again', async () => {
  const { bus, test: testBus } = await openInProcess();
  const maintenance = new Maintenance(bus, new Publisher(bus));
  await maintenance.prepare();
  await makeCommits(bus, testBus, 1);
  expect(await maintenance.nextDueMs()).toBe(0);
  maintenance.kick({ batchesAreSmall: false });
  expect(await maintenance.nextDueMs()).toBeUndefined();
  await maintenance.stop();
});

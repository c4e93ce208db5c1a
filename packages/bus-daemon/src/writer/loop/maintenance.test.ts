import { renameSync, writeFileSync } from 'node:fs';
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

test('the end of a drain says which work failed, and tries a compaction that failed a moment ago once more', async () => {
  const { bus, test: testBus } = await openInProcess({ compaction: { hot_commits: 2 } });
  const maintenance = new Maintenance(bus, new Publisher(bus));
  await maintenance.prepare();
  await makeCommits(bus, testBus, 3);
  const aside = `${bus.layout.building}.aside`;
  renameSync(bus.layout.building, aside);
  writeFileSync(bus.layout.building, ''); // nothing can be built here
  await maintenance.finish();
  expect(maintenance.failed).toContain('compaction');
  renameSync(aside, `${bus.layout.building}.back`);
  renameSync(bus.layout.building, aside);
  renameSync(`${bus.layout.building}.back`, bus.layout.building);
  await maintenance.finish();
  expect(maintenance.failed).toEqual([]);
  expect(bus.journal.hotCommits).toEqual([]);
  await maintenance.stop();
});

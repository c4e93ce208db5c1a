// @module-tag campaign
import { startHoldingReader } from '@quantbot/tooling-testing/readers';
import { test } from 'vitest';
import { spawnDaemon } from '../support/daemon-process.js';
import { commitJobs, outlivesEverything, restlessBus } from '../support/held-snapshot.js';

test('a reader in Node keeps its rows while the daemon compacts, publishes, exports and collects garbage', {
  timeout: 180_000,
}, async () => {
  const bus = restlessBus();
  await spawnDaemon(bus);
  await commitJobs(bus, 3);
  await outlivesEverything(bus, await startHoldingReader(bus), 3);
});

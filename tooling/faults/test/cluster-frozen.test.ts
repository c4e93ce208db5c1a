import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { duckdbExtensions } from '@quantbot/tooling-testing/cluster/extensions';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { expect, onTestFinished } from 'vitest';
import { ended, World } from '../src/cluster/world.js';

sampled('another daemon publishes while the publisher is frozen', async ({ skip }) => {
  if ('missing' in duckdbExtensions()) skip("DuckDB's extensions are not there");
  const world = await World.open({ objects: 'file', daemons: 2, withReplica: false });
  onTestFinished(() => world.close());
  const settled = (prefix: string): number =>
    ['receipts', 'rejected']
      .map(place => join(world.objectsFolder, place))
      .flatMap(folder => (existsSync(folder) ? readdirSync(folder) : []))
      .filter(name => name.startsWith(prefix) && !name.endsWith('.manifest.json')).length;
  const [first, second] = world.members as [(typeof world.members)[0], (typeof world.members)[0]];
  world.start(first);
  await ended(world.startProducer('first', 1, { pauseMs: 0, jobs: 1 }));
  await eventually(
    () => settled('job-first'),
    n => n === 1,
    180_000,
  );
  first.process?.kill('SIGSTOP'); // it has published alone, so it has the lock
  world.start(second);
  await ended(world.startProducer('later', 2, { pauseMs: 0, jobs: 3 }));
  await eventually(
    () => settled('job-later'),
    n => n >= 3,
    180_000,
  );
  first.process?.kill('SIGCONT');
  for (const member of world.members) {
    await world.kill(member, 'SIGTERM');
    expect(member.process?.exitCode).toBe(0);
  }
});

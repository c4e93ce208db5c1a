import { appendFileSync, chmodSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { backup } from '@quantbot/bus-care/backup';
import { flipBit } from '@quantbot/tooling-testing/rot';
import { expect, test } from 'vitest';
import { makeCommits } from '../../test/support/commits.js';
import { openInProcess } from '../../test/support/in-process-bus.js';

test('a copy that has rotted is replaced when it is due, and at once when its size or time is not that of the bus', async () => {
  const { bus, test: testBus } = await openInProcess();
  await makeCommits(bus, testBus, 3);
  const to = join(testBus.folder, 'backup');
  expect(await backup(bus.config, to)).toMatchObject({ artifacts: 3, copied: 3, problems: [] });
  const [row] = await bus.journal.ingestedBetween(0, 1);
  const [own, copy] = [bus.layout.root, to].map(root => join(root, row?.rel_path as string)) as [string, string];
  flipBit(copy);
  expect(await backup(bus.config, to)).toMatchObject({ copied: 0, problems: [] });
  expect(readFileSync(copy)).not.toEqual(readFileSync(own));
  const never = { ...bus.config, scrub: { ...bus.config.scrub, intervalMs: undefined } };
  expect(await backup(never, to)).toMatchObject({ copied: 1, problems: [] });
  expect(readFileSync(copy)).toEqual(readFileSync(own));
  expect(statSync(copy).mtimeMs).toBeCloseTo(statSync(own).mtimeMs, 0);
  chmodSync(copy, 0o644);
  appendFileSync(copy, 'x');
  expect(await backup(bus.config, to)).toMatchObject({ copied: 1, problems: [] });
  flipBit(own); // what has rotted in the bus replaces no good copy
  expect(await backup(never, to)).toMatchObject({ copied: 0, problems: [] });
  expect(readFileSync(copy)).not.toEqual(readFileSync(own));
});

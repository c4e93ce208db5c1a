import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { collectGarbage } from '@quantbot/bus-care/gc';
import { expect, test } from 'vitest';
import { claimedNumbers } from '../../test/support/commits.js';
import { openInProcess } from '../../test/support/in-process-bus.js';
import { commit } from './stages/commit.js';
import { decide } from './stages/decide.js';
import { settle } from './stages/settle.js';
import { store } from './stages/store.js';
import { verify } from './stages/verify.js';

const all = { keepSettledMs: Number.POSITIVE_INFINITY, keepUnfinishedMs: -1, apply: true };

test('what a job in work has stored is no garbage, however young it may be; an orphan beside it is', async () => {
  const { bus, test: testBus } = await openInProcess();
  const orphan = join(bus.layout.store, 'p/k/r@orphan.parquet');
  mkdirSync(dirname(orphan), { recursive: true });
  writeFileSync(orphan, 'x');
  const stored = await store(bus, await decide(bus, await verify(bus, [await claimedNumbers(bus, testBus)])));
  const collecting = collectGarbage(testBus.config, all);
  await sleep(300);
  await settle(bus, await commit(bus, stored));
  expect(await collecting).toEqual([{ kind: 'orphan', path: orphan }]);
  expect(existsSync(orphan)).toBe(false);
  const [job] = stored.jobs;
  const relPath = job !== undefined && 'artifacts' in job ? job.artifacts[0]?.relPath : undefined;
  expect(existsSync(join(bus.layout.root, String(relPath)))).toBe(true);
});

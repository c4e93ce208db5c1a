import { submit } from '@quantbot/tooling-testing/submit';
import type { TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';
import { drain, quantbotBus } from './daemon-process.js';

/** Drains jobs of other tables, so that a bus with `hot_commits: 2` compacts what is hot. */
export async function compactHot(bus: TestBus): Promise<void> {
  for (const name of ['p', 'q', 'r']) {
    await submit(bus, { select: 'SELECT 1 AS x', schemaHint: `canon.${name}` });
    await drain(bus);
  }
}

/** Looks at the same rows three times: hot, compacted and rebuilt. */
export async function inEveryPlace(bus: TestBus, look: () => Promise<void>): Promise<void> {
  await look();
  await compactHot(bus);
  await look();
  expect(await quantbotBus(bus, 'rebuild')).toMatchObject({ code: 0 });
  await look();
}

import { rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { Journal, listSegments, seqName } from '@quantbot/bus-format/journal';
import { initBusRoot } from '@quantbot/infra';
import { busLayout } from '@quantbot/infra/bus';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { compactor, makeCommits } from '../../test/support/commits.js';
import { openInProcess } from '../../test/support/in-process-bus.js';
import type { Bus } from './bus.js';
import { compactHot, mergeTiers } from './compaction/compact.js';

/** Two segments, 1 to 2 and 3 to 4, and the commits 5 to 7. */
async function busWithHistory(): Promise<Bus> {
  const { bus, test: testBus } = await openInProcess();
  for (let segment = 0; segment < 2; segment++) {
    await makeCommits(bus, testBus, 2);
    await compactHot(bus, compactor);
  }
  for (let seq = 1; seq <= 4; seq++) rmSync(join(bus.layout.hot, seqName(seq)), { recursive: true });
  await makeCommits(bus, testBus, 3);
  return bus;
}

const segment = (bus: Bus, first: number, last: number) =>
  join(bus.layout.segments, `${seqName(first)}-${seqName(last)}.parquet`);
const commitOf = (bus: Bus, seq: number) => join(bus.layout.hot, seqName(seq));

test('a journal that is whole says where it stands', async () => {
  const { layout } = await busWithHistory();
  const journal = await Journal.open(layout);
  expect(journal).toMatchObject({ lastSeq: 7, compactedSeq: 4, hotCommits: [5, 6, 7] });
  journal.close();
});

test('a compaction that ends while a query prepares its views does not leave the views of the old files', async () => {
  const bus = await busWithHistory();
  const journal = await Journal.open(bus.layout);
  await journal.reload(); // the next query creates the views
  await compactHot(bus, compactor);
  await Promise.all([journal.query('FROM _bus.journal'), journal.reload()]);
  for (const seq of [5, 6, 7]) rmSync(commitOf(bus, seq), { recursive: true });
  expect(await journal.query('SELECT count(*)::INTEGER AS n FROM _bus.journal')).toEqual([{ n: 7 }]);
  journal.close();
});

test.each<[string, (bus: Bus) => void, RegExp]>([
  ['the first segment is gone', bus => rmSync(segment(bus, 1, 2)), /no rows for the jobs 1 to 2/],
  ['the last segment is gone', bus => rmSync(segment(bus, 3, 4)), /journal\/hot lacks 2 of the jobs 3 to 7/],
  ['a commit is gone', bus => rmSync(commitOf(bus, 6), { recursive: true }), /journal\/hot lacks 1 of the jobs 5 to 7/],
  [
    'a commit file is cut',
    bus => truncateSync(join(commitOf(bus, 5), 'commit.parquet'), 100),
    /000000000005\/commit\.parquet/,
  ],
  ['a segment is cut', bus => truncateSync(segment(bus, 1, 2), 100), /000000000001-000000000002\.parquet/],
])('when %s it is not opened, and the error says where the damage is', async (_, damage, message) => {
  const bus = await busWithHistory();
  damage(bus);
  await expect(Journal.open(bus.layout)).rejects.toMatchObject({
    code: 'JOURNAL_DAMAGED',
    message: expect.stringMatching(message),
    hint: expect.stringContaining('backup'),
  });
});

test('jobs that are committed while a journal is checked are not missing in it', async () => {
  const { bus, test: testBus } = await openInProcess();
  await makeCommits(bus, testBus, 2);
  const journal = await Journal.read(bus.layout);
  await makeCommits(bus, testBus, 2);
  await journal.check();
  rmSync(commitOf(bus, 2), { recursive: true });
  await expect(journal.check()).rejects.toThrow(/journal\/hot lacks 1 of the jobs 1 to 2/);
  journal.close();
});

test('before the first start of a daemon, a journal has no jobs', async () => {
  const layout = busLayout(join(temporaryFolder(), 'bus'));
  await initBusRoot(layout.root);
  const journal = await Journal.read(layout);
  expect(journal).toMatchObject({ lastSeq: 0, hotCommits: [] });
  journal.close();
});

test('one that is read beside the daemon finds every row, whatever compaction has moved meanwhile', async () => {
  const bus = await busWithHistory();
  const journal = await Journal.read(bus.layout);
  const all = await journal.ingestedBetween(0, 7);
  expect(all.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  await compactHot(bus, compactor);
  for (let seq = 5; seq <= 7; seq++) rmSync(commitOf(bus, seq), { recursive: true });
  expect(await journal.ingestedBetween(0, 7)).toEqual(all);
  await mergeTiers(bus, compactor);
  const { garbage } = await listSegments(bus.layout.segments);
  expect(garbage).not.toEqual([]);
  for (const name of garbage) rmSync(join(bus.layout.segments, name));
  expect(await journal.ingestedBetween(0, 7)).toEqual(all);
  journal.close();
});

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyStore } from '@quantbot/bus-care/verify';
import { checkSeal, Journal, placeIn, seqName } from '@quantbot/bus-format/journal';
import { openCatalog, openDuckDb } from '@quantbot/storage';
import { copySelect } from '@quantbot/storage/sandbox';
import { flipBit } from '@quantbot/tooling-testing/rot';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { expect, test } from 'vitest';
import { compactor, makeCommits } from '../../test/support/commits.js';
import { openInProcess } from '../../test/support/in-process-bus.js';
import type { Bus } from './bus.js';
import { compactHot } from './compaction/compact.js';
import { Publisher } from './publish/publisher.js';

const commitOf = (bus: Bus, seq: number) => join(bus.layout.hot, seqName(seq), 'commit.parquet');
const segmentOf = (bus: Bus) => join(bus.layout.segments, readdirSync(bus.layout.segments)[0] as string);

test('no bit of a commit or of a segment changes unnoticed', async () => {
  const { bus, test: testBus } = await openInProcess();
  await makeCommits(bus, testBus, 2);
  await compactHot(bus, compactor);
  const copy = join(temporaryFolder(), 'file.parquet');
  for (const [path, step] of [
    [commitOf(bus, 2), 41],
    [segmentOf(bus), 67],
  ] as const) {
    expect(await checkSeal(path)).toBe('sound');
    const good = readFileSync(path);
    for (let at = 0; at < good.length; at += step) {
      const bytes = Buffer.from(good);
      bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
      writeFileSync(copy, bytes);
      expect(await checkSeal(copy), `${path} at ${at}`).toBe('rotten');
    }
  }
});

test('a file of a version that sealed nothing counts as such', async () => {
  const path = join(temporaryFolder(), 'old.parquet');
  const columnData = [{ name: 'a', type: 'INT64' as const, data: [1n] }];
  const kvMetadata = [{ key: 'quantbot.journal', value: '1' }];
  writeFileSync(path, new Uint8Array(parquetWriteBuffer({ columnData, kvMetadata })));
  expect(await checkSeal(path)).toBe('unsealed');
});

test('a file of the journal in the place of another one is named, and the journal is not opened', async () => {
  const { bus, test: testBus } = await openInProcess();
  await makeCommits(bus, testBus, 2);
  const [first, second] = [commitOf(bus, 1), commitOf(bus, 2)];
  const content = [readFileSync(first), readFileSync(second)] as const;
  for (const path of [first, second]) rmSync(path);
  writeFileSync(first, content[1]);
  writeFileSync(second, content[0]);
  for (const path of [first, second]) expect(await checkSeal(path)).toBe('sound');
  const named = [first, second].map(path => ({
    code: 'JOURNAL_DAMAGED',
    what: path.slice(bus.layout.root.length + 1),
  }));
  expect((await verifyStore(bus.config)).problems).toMatchObject(named);
  await expect(Journal.open(bus.layout)).rejects.toMatchObject({
    code: 'JOURNAL_DAMAGED',
    message: expect.stringContaining(second),
  });
});

test('a compacted file belongs into its place, and a file without a place may be anywhere', async () => {
  const { bus, test: testBus } = await openInProcess();
  await makeCommits(bus, testBus, 2);
  await compactHot(bus, compactor);
  const folder = join(bus.layout.canon, 'numbers');
  const table = join(folder, readdirSync(folder).find(name => name.endsWith('.parquet')) as string);
  for (const path of [segmentOf(bus), table]) {
    expect(await checkSeal(path, { place: placeIn(bus.layout, path) })).toBe('sound');
    expect(await checkSeal(path, { place: `${placeIn(bus.layout, path)}x` })).toBe('rotten');
  }
  expect(await checkSeal(commitOf(bus, 0), { place: 'anywhere' })).toBe('sound');
});

test('a journal with a commit that has rotted is not opened, and the error names the file', async () => {
  const { bus, test: testBus } = await openInProcess();
  await makeCommits(bus, testBus, 2);
  flipBit(commitOf(bus, 1));
  await expect(Journal.open(bus.layout)).rejects.toMatchObject({
    code: 'JOURNAL_DAMAGED',
    message: expect.stringContaining(commitOf(bus, 1)),
  });
});

test('a segment that has rotted gives way to the commits that it was made of while they are kept, and stops the start otherwise', async () => {
  const { bus, test: testBus } = await openInProcess();
  await makeCommits(bus, testBus, 2);
  const good = await bus.journal.rows('');
  await compactHot(bus, compactor);
  const segment = segmentOf(bus);
  flipBit(segment);
  const journal = await Journal.open(bus.layout);
  expect(await journal.rows('')).toEqual(good);
  expect(journal.compactedSeq).toBe(0);
  journal.close();

  await bus.journal.reload();
  await compactHot(bus, compactor);
  flipBit(segment);
  flipBit(commitOf(bus, 1));
  const error = { code: 'JOURNAL_DAMAGED', message: expect.stringContaining(segment) };
  await expect(Journal.open(bus.layout)).rejects.toMatchObject(error);
  expect(readdirSync(bus.layout.segments)).toHaveLength(1);
  await expect(Journal.open(bus.layout)).rejects.toMatchObject(error);
});

test.each(['commit.parquet', ''])('a lost commit is named by verify and stops the start (hot/…2/%s)', async file => {
  const { bus, test: testBus } = await openInProcess();
  await makeCommits(bus, testBus, 3);
  await new Publisher(bus).publish();
  expect((await verifyStore(bus.config)).problems).toEqual([]);
  rmSync(join(bus.layout.hot, seqName(2), file), { recursive: true });
  expect((await verifyStore(bus.config)).problems).toMatchObject([
    { code: 'JOURNAL_DAMAGED', detail: expect.stringContaining('lacks 1 of the jobs 1 to 3') },
  ]);
  await expect(Journal.open(bus.layout)).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' });
});

test('an empty commit that has rotted is written again at the next start, as verify says', async () => {
  const { bus } = await openInProcess();
  flipBit(commitOf(bus, 0));
  const { problems } = await verifyStore(bus.config);
  expect(problems).toMatchObject([{ code: 'JOURNAL_DAMAGED', detail: expect.stringContaining('restart the daemon') }]);
  (await Journal.open(bus.layout)).close();
  expect(await checkSeal(commitOf(bus, 0))).toBe('sound');
});

test('readers refuse a journal with a file that has rotted, and answer again once it is repaired', async () => {
  const { bus, test: testBus } = await openInProcess();
  const { duckdbPath } = bus.config;
  const refused = (path: string) => ({ code: 'JOURNAL_DAMAGED', message: expect.stringContaining(path) });
  const count = 'SELECT count(*) AS n FROM canon.numbers';
  await makeCommits(bus, testBus, 2);
  await new Publisher(bus).publish();
  flipBit(commitOf(bus, 2));
  await using database = await openDuckDb(duckdbPath);
  await using catalog = await openCatalog({ duckdbPath });
  await expect(database.query(count)).rejects.toMatchObject(refused(commitOf(bus, 2)));
  await expect(catalog.artifacts()).rejects.toMatchObject(refused(commitOf(bus, 2)));
  await expect(catalog.asOf(1)).rejects.toMatchObject(refused(commitOf(bus, 2)));
  const file = join(temporaryFolder(), 'answer.parquet');
  await expect(copySelect(count, file, { database: duckdbPath })).rejects.toMatchObject(refused(commitOf(bus, 2)));
  flipBit(commitOf(bus, 2));
  expect(await database.query(count)).toEqual([{ n: 6 }]);
  expect(await catalog.artifacts()).toHaveLength(2);

  await makeCommits(bus, testBus, 1);
  flipBit(commitOf(bus, 3));
  await expect(database.query(count)).rejects.toMatchObject(refused(commitOf(bus, 3)));
  flipBit(commitOf(bus, 3));
  await compactHot(bus, compactor);
  await new Publisher(bus).publish();
  flipBit(segmentOf(bus));
  await expect(catalog.artifacts()).rejects.toMatchObject(refused(segmentOf(bus)));
  flipBit(segmentOf(bus));
  expect(await catalog.artifacts()).toHaveLength(3);
});

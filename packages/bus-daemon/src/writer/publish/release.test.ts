import { readdirSync } from 'node:fs';
import { openMemoryDatabase, query } from '@quantbot/bus-format/duckdb';
import { listPublished } from '@quantbot/bus-format/state';
import { viewsAt } from '@quantbot/bus-format/views';
import { startHoldingReader } from '@quantbot/tooling-testing/readers';
import { expect, test } from 'vitest';
import { compactor, makeCommits } from '../../../test/support/commits.js';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import type { Bus } from '../bus.js';
import { compactHot, mergeTiers } from '../compaction/compact.js';
import { busInfo, Publisher } from './publisher.js';
import { releaseUnused } from './release.js';
import { frozenHot, snapshotOf } from './snapshot.js';

const graceMs = 10_000;

/** A bus with three commits, and a database that refers to these commits. */
async function publishedBus() {
  const opened = await openInProcess({ compaction: { release_grace_s: graceMs / 1000 } });
  const publisher = new Publisher(opened.bus);
  await makeCommits(opened.bus, opened.test, 3);
  await publisher.publishOrThrow();
  const compact = async () => {
    await compactHot(opened.bus, compactor);
    await mergeTiers(opened.bus, compactor);
    await publisher.publishOrThrow();
  };
  return { ...opened, publisher, compact };
}

const hotOf = (bus: Bus) => readdirSync(bus.layout.hot).map(Number);
const databasesOf = (bus: Bus) => readdirSync(bus.layout.published).filter(name => name.endsWith('.duckdb'));
const segmentsOf = (bus: Bus) => [...readdirSync(bus.layout.segments), ...readdirSync(`${bus.layout.canon}/numbers`)];

test('while a reader holds a superseded database, everything that it refers to stays, and it sees what comes after', async () => {
  const { bus, test: testBus, compact, advance } = await publishedBus();
  const reader = await startHoldingReader(testBus);
  await compact();
  await makeCommits(bus, testBus, 1);
  advance(graceMs);
  const [first] = await listPublished(bus.layout);
  expect(await releaseUnused(bus, [])).toEqual([first?.name]);
  expect(hotOf(bus)).toEqual([0, 1, 2, 3, 4]);
  expect(databasesOf(bus)).toHaveLength(2);
  expect(await reader.query('SELECT count(*) AS n, max(_seq) AS last FROM canon.numbers')).toEqual([
    { n: '12', last: '4' },
  ]);
  await reader.close();
  expect(await releaseUnused(bus, [])).toEqual([]);
  expect(hotOf(bus)).toEqual([0, 4]);
  expect(databasesOf(bus)).toHaveLength(1);
  expect(readdirSync(bus.layout.building)).toEqual([]);
});

test('what a superseded database refers to stays for the time of grace, held or not', async () => {
  const { bus, compact, advance } = await publishedBus();
  await compact();
  advance(graceMs - 1);
  await releaseUnused(bus, []);
  expect(hotOf(bus)).toEqual([0, 1, 2, 3]);
  advance(1);
  await releaseUnused(bus, []);
  expect(hotOf(bus)).toEqual([0]);
});

test('segments that a wider one has replaced go when the database that names them has gone', async () => {
  const { bus, test: testBus, compact, advance } = await publishedBus();
  await compact();
  const reader = await startHoldingReader(testBus);
  // A merge of a table that shows every row takes four files.
  for (let more = 0; more < 3; more++) {
    await makeCommits(bus, testBus, 1);
    await compact();
  }
  advance(graceMs);
  await releaseUnused(bus, []);
  expect(segmentsOf(bus).filter(name => name.startsWith('000000000001-000000000003'))).toHaveLength(2);
  expect(await reader.query('SELECT count(*) AS n FROM canon.numbers')).toEqual([{ n: '18' }]);
  await reader.close();
  await releaseUnused(bus, []);
  expect(segmentsOf(bus)).toEqual(['000000000001-000000000006.parquet', '000000000001-000000000006.parquet']);
  expect(hotOf(bus)).toEqual([0]);
});

test('what an export under way is reading stays', async () => {
  const { bus, compact, advance } = await publishedBus();
  const pinned = await snapshotOf(bus);
  await compact();
  advance(graceMs);
  await releaseUnused(bus, [pinned]);
  expect(hotOf(bus)).toEqual([0, 1, 2, 3]);
  await releaseUnused(bus, []);
  expect(hotOf(bus)).toEqual([0]);
});

test('a snapshot stays whole when a compaction switches, and while, and after it is taken', async () => {
  const { bus, compact } = await publishedBus();
  const taken = [await snapshotOf(bus)];
  let compacting = true;
  const compacted = compact().finally(() => {
    compacting = false;
  });
  while (compacting) taken.push(await snapshotOf(bus));
  await compacted;
  const different = new Map(taken.map(snapshot => [JSON.stringify(snapshot), snapshot]));
  expect(different.size).toBeGreaterThan(1);
  for (const snapshot of different.values()) {
    const database = await openMemoryDatabase({ memoryMb: 128, threads: 1 });
    const views = viewsAt(bus.layout, snapshot, await frozenHot(bus, snapshot), busInfo(bus));
    for (const statement of views) await database.connection.run(statement);
    expect(await query(database.connection, 'SELECT count(*) AS n FROM canon.numbers')).toEqual([{ n: 9n }]);
    database.close();
  }
});

test('as long as no database could be published, nothing is deleted: nobody could say what readers see', async () => {
  const { bus, test: testBus } = await openInProcess();
  await makeCommits(bus, testBus, 2);
  await compactHot(bus, compactor);
  await releaseUnused(bus, []);
  expect(hotOf(bus)).toEqual([0, 1, 2]);
});

test('the record of a published database is there before the database, and says when it was superseded', async () => {
  const { bus, test: testBus, publisher, advance } = await publishedBus();
  await makeCommits(bus, testBus, 1);
  advance(5);
  await publisher.publishOrThrow();
  const records = await listPublished(bus.layout);
  expect(records.map(record => record.supersededAt)).toEqual([bus.now(), null]);
  expect(databasesOf(bus)).toEqual(records.map(record => `${record.name}.duckdb`));
});

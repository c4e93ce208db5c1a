import { chmodSync, cpSync, existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readParquet } from '@quantbot/storage';
import { sampleOf } from '@quantbot/tooling-config/campaign';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain, launchDaemon, quantbotBus, startDaemon } from '../support/daemon-process.js';
import { query } from '../support/query.js';

const keep = { recursive: true, preserveTimestamps: true };

/** Commits a job of this many rows for canon.numbers. */
async function ingest(bus: TestBus, runId: string, rows = 10): Promise<void> {
  await submit(bus, { runId, schemaHint: 'canon.numbers', select: numbers(rows) });
  await drain(bus);
}

const verify = async (bus: TestBus) => (await quantbotBus(bus, 'verify')).stdout;
const stored = (bus: TestBus, runId: string) => join(bus.layout.store, `tests/numbers/${runId}@numbers.parquet`);

test.each(sampleOf(['journal', 'journal/hot', 'journal/segments'], 1))(
  'a bus whose %s is gone is not started anew: its store would be taken for leftovers',
  { tags: ['campaign'] },
  async folder => {
    const bus = makeTestBus({ compaction: { hot_commits: 2, idle_s: 0.1 } });
    await drain(bus);
    for (const runId of ['a', 'b', 'c']) await ingest(bus, runId);
    renameSync(join(bus.layout.root, folder), join(bus.folder, 'away'));
    for (let start = 1; start <= 2; start++) {
      const daemon = launchDaemon(bus);
      expect(await daemon.ended).toMatchObject({ code: 1 });
      expect(daemon.stderr()).toContain('JOURNAL_DAMAGED');
    }
    rmSync(join(bus.layout.root, folder), { recursive: true, force: true });
    renameSync(join(bus.folder, 'away'), join(bus.layout.root, folder));
    await drain(bus);
    expect(await verify(bus)).toContain('3 artifacts');
  },
);

const layouts = [
  ['file', {}, 'numbers.parquet'],
  ['dataset', { tables: { numbers: { layout: 'dataset', part_rows: 10 } } }, 'numbers/*.parquet'],
] as const;

test.each(sampleOf(layouts, 1))(
  'exports (%s) that are ahead of a bus that was set back become those of the bus that is there',
  { tags: ['campaign'] },
  async (_layout, settings, path) => {
    const bus = makeTestBus({ export: { min_interval_s: 0, max_share: 1, ...settings } });
    await drain(bus);
    await ingest(bus, 'a');
    cpSync(bus.layout.root, join(bus.folder, 'before'), keep);
    for (const runId of ['b', 'c']) await ingest(bus, runId);
    rmSync(bus.layout.root, { recursive: true });
    cpSync(join(bus.folder, 'before'), bus.layout.root, keep);
    // Commit more jobs at once than were lost, so that their seqs exceed those of the old exports
    // before the first export runs.
    for (let n = 0; n < 4; n++) await submit(bus, { runId: `x${n}`, schemaHint: 'canon.numbers', select: numbers(3) });
    await drain(bus);
    expect(await query(bus, 'SELECT count(*) AS n FROM canon.numbers')).toEqual([{ n: 22 }]);
    const exported = join(bus.folder, 'data/exports', path);
    expect(await query(bus, `SELECT count(*) AS n FROM read_parquet('${exported}')`)).toEqual([{ n: 22 }]);
  },
);

sampled('exports of a bus that was set back are made again although nothing new has come', async () => {
  const bus = makeTestBus();
  await drain(bus);
  await ingest(bus, 'a');
  cpSync(bus.layout.root, join(bus.folder, 'before'), keep);
  await ingest(bus, 'b');
  rmSync(bus.layout.root, { recursive: true });
  cpSync(join(bus.folder, 'before'), bus.layout.root, keep);
  const daemon = await drain(bus);
  expect(daemon.log().find(line => line.msg.includes('rebuilding them'))).toMatchObject({
    exports: ['numbers'],
    lastSeq: 1,
  });
  expect(await readParquet(join(bus.folder, 'data/exports/numbers.parquet'))).toHaveLength(10);
  expect((await drain(bus)).stderr()).not.toContain('rebuilding them');
});

sampled(
  'a stored file that is gone is named, and is there again after its producer has submitted the same bytes, or it was copied back',
  async () => {
    const bus = makeTestBus();
    await drain(bus);
    const parquetPath = await produce(bus, numbers(10));
    await submit(bus, { runId: 'a', parquetPath });
    await ingest(bus, 'b');
    const folder = join(bus.folder, 'backup');
    await quantbotBus(bus, 'backup', folder);
    for (const runId of ['a', 'b']) rmSync(stored(bus, runId));
    const found = await quantbotBus(bus, 'verify');
    expect([found.code, found.stdout.match(/MISSING +store/g)?.length]).toEqual([2, 2]);
    await submit(bus, { runId: 'a', parquetPath });
    cpSync(stored(bus, 'b').replace(bus.layout.root, folder), stored(bus, 'b'), keep);
    await drain(bus);
    expect(await verify(bus)).toContain('every file matches the journal');
  },
);

sampled(
  'what is made again by itself is: the database and an export beside a daemon; the other folders at the next start',
  async () => {
    const bus = makeTestBus();
    const daemon = await startDaemon(bus);
    await (await submit(bus, { runId: 'a', schemaHint: 'canon.numbers', select: numbers(10) })).settled();
    const exported = join(bus.folder, 'data/exports/numbers.parquet');
    await eventually(() => existsSync(exported), Boolean);
    rmSync(bus.config.duckdbPath);
    rmSync(exported);
    await eventually(() => existsSync(bus.config.duckdbPath) && existsSync(exported), Boolean);
    await daemon.stop();
    for (const path of [bus.layout.canon, bus.layout.processed, bus.layout.published])
      rmSync(path, { recursive: true });
    chmodSync(bus.config.duckdbPath, 0o644);
    rmSync(bus.config.duckdbPath);
    await drain(bus);
    await ingest(bus, 'b');
    expect(await query(bus, 'SELECT count(*) AS n FROM canon.numbers')).toEqual([{ n: 20 }]);
    expect(await verify(bus)).toContain('2 artifacts');
  },
);

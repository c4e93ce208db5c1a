// @module-tag campaign
import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { submitOperation } from '@quantbot/infra/bus';
import { type Objects, openObjects } from '@quantbot/infra/objects';
import { submitArtifact, writeSmallParquet } from '@quantbot/infra/utils';
import { seed } from '@quantbot/tooling-config/campaign';
import { expect, test } from 'vitest';
import { describeClusters, type NewCluster, type TestCluster } from './support/cluster.js';

/** A kind of object, the code of its damage, and what mends it. */
interface Kind {
  name: string;
  code: string;
  /** Returns the key of the attacked object, and that of another one of its kind. */
  find(bus: TestCluster): Promise<[key: string, other: string]>;
  /** What is named instead, if the object is gone. */
  gone?: string;
  cure(bus: TestCluster): Promise<unknown>;
}

const inOrder =
  (prefix: string, among = /./) =>
  async (bus: TestCluster): Promise<[string, string]> => {
    const [key = '', other = ''] = (await bus.names(prefix)).filter(name => among.test(name));
    expect(other).not.toBe('');
    return [key, other];
  };

/** Returns the files of a table, without those that a rebuild has left. */
async function filesOf(bus: TestCluster, table: string): Promise<string[]> {
  const rows = await bus.pg.query(
    `SELECT f.path FROM ducklake_data_file f JOIN ducklake_table t USING (table_id)
     WHERE f.end_snapshot IS NULL AND t.end_snapshot IS NULL AND t.table_name = $1 ORDER BY f.path`,
    [table],
  );
  return rows.map(({ path }) => String(path).slice(String(path).indexOf(`lake/${table}/`)));
}

/** Returns the folder of the dataset, which a forced run replaces by another one. */
async function datasetOf(bus: TestCluster): Promise<string> {
  const [row] = await bus.pg.query(`SELECT dataset::json->>'folder' AS folder FROM bus.exports WHERE name = 'parts'`);
  return dirname(String(row?.folder));
}

/** Runs a command beside a daemon, which does what it asks for. */
async function besideDaemon(bus: TestCluster, ...args: string[]): Promise<void> {
  const daemon = bus.start();
  await bus.done(...args);
  daemon.process.kill('SIGTERM');
  expect(await daemon.ended, daemon.stderr()).toEqual({ code: 0, signal: null });
}

async function scrubbed(bus: TestCluster): Promise<void> {
  await bus.command('scrub');
  await bus.done('start', '--drain');
}

/** Submits an artifact again, under a new id, after what is left of it is removed. */
async function submitAgain(bus: TestCluster): Promise<void> {
  for (const key of await bus.names('store/')) if (key.includes('job-0@')) await remove(bus, key);
  await bus.submit(`again-${randomUUID()}`, 0, 'job-0');
  await bus.done('start', '--drain');
}

const remove = async (bus: TestCluster, key: string) => (await openObjects(bus.objects)).remove([key]);

async function initAgain(bus: TestCluster): Promise<void> {
  await remove(bus, 'bus.json');
  await bus.done('cluster', 'init');
}

const kinds: Kind[] = [
  {
    name: 'marker',
    code: 'STATE_DAMAGED',
    find: async () => ['bus.json', 'exports/_export_status.json'],
    cure: initAgain,
  },
  { name: 'artifact', code: 'CHANGED', find: inOrder('store/', /job-[01]@/), cure: submitAgain },
  { name: 'journal', code: 'JOURNAL_DAMAGED', find: inOrder('journal/'), gone: 'journal/', cure: scrubbed },
  { name: 'receipt', code: 'OUTCOME_DAMAGED', find: inOrder('receipts/'), cure: scrubbed },
  { name: 'rejection', code: 'OUTCOME_DAMAGED', find: inOrder('rejected/', /bad-\d.json/), cure: scrubbed },
  {
    name: 'file of a table',
    code: 'TABLE_DAMAGED',
    find: async bus => [(await filesOf(bus, 'ticks'))[0] ?? '', (await filesOf(bus, 'ticks'))[1] ?? ''],
    cure: bus => bus.done('rebuild'),
  },
  {
    name: 'file of two tables',
    code: 'TABLE_DAMAGED',
    find: async bus => [(await filesOf(bus, 'quotes'))[0] ?? '', (await filesOf(bus, 'ticks'))[0] ?? ''],
    cure: bus => bus.done('rebuild'),
  },
  {
    name: 'export',
    code: 'EXPORT_DAMAGED',
    find: inOrder('exports/', /(quotes|ticks).parquet/),
    cure: bus => besideDaemon(bus, 'export', '--force'),
  },
  {
    name: 'file of a dataset',
    code: 'EXPORT_DAMAGED',
    find: async bus => inOrder(`${await datasetOf(bus)}/files/`)(bus),
    cure: bus => besideDaemon(bus, 'export', 'parts', '--force'),
  },
  {
    name: 'manifest of a dataset',
    code: 'STATE_DAMAGED',
    find: async bus => [`${await datasetOf(bus)}/_dataset.json`, 'bus.json'],
    cure: bus => besideDaemon(bus, 'export', 'parts', '--force'),
  },
  {
    name: 'state of exports',
    code: 'STATE_DAMAGED',
    find: async () => ['exports/_export_status.json', 'bus.json'],
    cure: bus => besideDaemon(bus, 'export', '--force'),
  },
];

type Attack = [string, (objects: Objects, key: string, good: Buffer, other: Buffer) => Promise<unknown>];

const attacks: Record<string, Attack[1]> = {
  'flips a bit of': (objects, key, good) => {
    const bad = Buffer.from(good);
    const at = Math.floor(bad.length / 2);
    bad[at] = (bad[at] ?? 0) ^ 4;
    return objects.replace(key, bad);
  },
  truncates: (objects, key, good) => objects.replace(key, good.subarray(0, good.length - 10)),
  replaces: (objects, key, _, other) => objects.replace(key, other),
  deletes: (objects, key) => objects.remove([key]),
};

async function furnished(newCluster: NewCluster): Promise<TestCluster> {
  const jobs = [{ name: 'parts', sql: 'SELECT x FROM canon.ticks', layout: 'dataset', partition_by: ['x'] }];
  const bus = await newCluster({ export: { min_interval_s: 0, jobs } });
  const drain = () => bus.done('start', '--drain');
  for (const [jobId, x] of [
    ['job-0', 0],
    ['job-1', 1],
    ['bad-0', 'text'],
    ['bad-1', 'text'],
  ] as const) {
    await bus.submit(jobId, x);
    await drain();
  }
  const parquetPath = join(bus.folder, 'quotes.parquet');
  await writeSmallParquet(parquetPath, { columns: { x: 'int64' }, rows: [{ x: 2 }] });
  const ids = { producer: 'p', kind: 'k', artifactId: 'a', runId: 'quote' };
  await submitArtifact({ busRoot: bus.objects, ...ids, schemaHint: 'canon.quotes', parquetPath });
  await drain();
  return bus;
}

interface Found {
  code: string;
  what: string;
  detail?: string;
}

const found = async (bus: TestCluster, ...args: string[]): Promise<Found[]> => {
  const { stdout } = await bus.command(...args, '--json');
  const { problems, findings } = JSON.parse(stdout) as { problems?: Found[]; findings?: Found[] };
  return (problems ?? findings ?? []).map(({ code, what }) => ({ code, what }));
};

const answers = async (bus: TestCluster) => [
  await bus.rows('SELECT x FROM canon.ticks ORDER BY x'),
  await bus.rows('SELECT x FROM canon.quotes'),
];

describeClusters(
  'an attack that',
  newCluster => {
    test('damages an object of each kind is found, and can be mended', async () => {
      const bus = await furnished(newCluster);
      const objects = await openObjects(bus.objects);
      const before = await answers(bus);
      const read = async (key: string) => (await objects.read(key, 10_000_000)) as Buffer;
      expect(await found(bus, 'verify', '--deep')).toEqual([]);
      for (const [index, { name, code, find, gone, cure }] of kinds.entries()) {
        // Another one each day.
        const [attack, run] = Object.entries(attacks)[(index + seed) % Object.keys(attacks).length] as Attack;
        const [key, other] = await find(bus);
        const title = `${attack} ${name} ${key}`;
        await run(objects, key, await read(key), await read(other));
        const isGone = attack === 'deletes';
        const what = isGone ? (gone ?? key) : key;
        const hurt = [{ code: isGone && code === 'CHANGED' ? 'MISSING' : code, what }];
        expect.soft(await found(bus, 'verify', '--deep'), title).toEqual(hurt);
        const doctor = async () => (await bus.command('doctor', '--json')).stdout;
        const early = await doctor();
        expect.soft(await found(bus, 'scrub'), title).toEqual(hurt);
        if (name !== 'marker') expect.soft(early + (await doctor()), title).toContain(what);
        else expect.soft(JSON.parse(early).problems, title).toBeGreaterThan(0);
        await cure(bus);
        expect.soft(await found(bus, 'verify', '--deep'), `mended: ${title}`).toEqual([]);
        expect.soft(await answers(bus), title).toEqual(before);
      }
    });

    test.each([undefined, 'canon.ticks'])('deletes an artifact (%s) is undone by its own bytes alone', async hint => {
      const bus = await newCluster({ compaction: { release_grace_s: 0 } });
      const objects = await openObjects(bus.objects);
      const add = async (x: number) => {
        const parquetPath = join(bus.folder, `${x}.parquet`);
        await writeSmallParquet(parquetPath, { columns: { x: 'int64' }, rows: [{ x }] });
        const jobId = `job-${randomUUID()}`;
        const ids = { jobId, runId: 'r', producer: 'p', kind: 'k', artifactId: 'a', schemaHint: hint };
        await submitArtifact({ busRoot: bus.objects, ...ids, parquetPath });
        await bus.done('start', '--drain');
        const read = async (key: string) => JSON.parse(String((await objects.read(key, 100_000)) ?? 'null'));
        return (await read(`receipts/${jobId}.json`)) ?? (await read(`rejected/${jobId}.json`));
      };
      const again = async (status: string) => {
        expect(await add(1)).toMatchObject({ status });
        expect(await found(bus, 'verify', '--deep')).toEqual([]);
      };
      const lose = async () => objects.remove(await bus.names('store/p/k/r@a'));
      await again('ingested');
      await lose();
      const restores = expect.stringContaining('submit the same bytes again');
      expect(await add(2)).toMatchObject({ code: 'ARTIFACT_CONFLICT', hint: restores });
      await again('duplicate');
      await lose();
      await submitOperation(
        { type: 'forget', artifact_keys: ['r/p/k/a'], rows: 'drop', force: true, reason: null, by: null },
        { busRoot: bus.objects },
      );
      await bus.done('start', '--drain');
      await again('ingested');
      await lose();
      await again('duplicate');
    });

    test('puts an older version of an export into its place is found', async () => {
      const bus = await furnished(newCluster);
      const objects = await openObjects(bus.objects);
      const keys = async () => {
        const manifest = `${await datasetOf(bus)}/_dataset.json`;
        return { EXPORT_DAMAGED: 'exports/ticks.parquet', STATE_DAMAGED: manifest };
      };
      const read = async (key: string) => (await objects.read(key, 10_000_000)) as Buffer;
      const before = await keys();
      const [file, manifest] = await Promise.all([read(before.EXPORT_DAMAGED), read(before.STATE_DAMAGED)]);
      await bus.submit('later', 2);
      await bus.done('start', '--drain');
      for (const [code, what] of Object.entries(await keys())) {
        const now = await read(what);
        const old = code === 'EXPORT_DAMAGED' ? file : manifest;
        expect(old.equals(now), what).toBe(false);
        await objects.replace(what, old);
        for (const command of [['verify'], ['verify', '--deep'], ['scrub']])
          expect(await found(bus, ...command), `${command} with an older ${what}`).toEqual([{ code, what }]);
        await objects.replace(what, now);
      }
    });

    test('damages files of the lake takes no rows of forgotten artifacts', async () => {
      const bus = await newCluster({ compaction: { release_grace_s: 0 } });
      const objects = await openObjects(bus.objects);
      for (const [jobId, x] of [
        ['job-0', 0],
        ['job-1', 1],
      ] as const) {
        await bus.submit(jobId, x);
        await bus.done('start', '--drain');
      }
      await submitOperation(
        { type: 'forget', artifact_keys: ['job-0/p/k/a'], rows: 'default', force: true, reason: null, by: null },
        { busRoot: bus.objects },
      );
      await bus.done('start', '--drain');
      const shown = () => bus.rows('SELECT x FROM canon.ticks ORDER BY x');
      const before = await shown();
      expect(before).toHaveLength(2);
      const [file = ''] = await bus.names('lake/ticks/1-1~');
      const good = (await objects.read(file, 1_000_000)) as Buffer;
      await attacks['flips a bit of']?.(objects, file, good, good);
      const refused = await bus.command('rebuild');
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('ROWS_UNPUBLISHED') });
      expect(refused.stderr).toContain(file);
      await objects.replace(file, good);
      await bus.done('rebuild');
      expect(await shown()).toEqual(before);
      // By now, another file has the rows, too.
      await attacks['flips a bit of']?.(objects, file, good, good);
      await bus.done('rebuild');
      expect(await shown()).toEqual(before);
    });
  },
  ['campaign'],
);

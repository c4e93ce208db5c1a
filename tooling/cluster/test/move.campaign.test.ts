import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openMemoryDatabase } from '@quantbot/bus-format/duckdb';
import { initBusRoot } from '@quantbot/infra';
import { openObjects } from '@quantbot/infra/objects';
import { submitArtifact, submitArtifacts, writeSmallParquet } from '@quantbot/infra/utils';
import { openCatalog } from '@quantbot/storage';
import { expect, test } from 'vitest';
import { describeClusters, type TestCluster } from './support/cluster.js';
import { machineBeside } from './support/machine.js';

const canon = { canon: { tables: { prices: { mode: 'latest' } } } };
const machine = (bus: TestCluster, name: string) => machineBeside(bus, name, canon);

type Cell = string | number | null;

async function submit(bus: TestCluster, root: string, jobId: string, x: Cell, extra: Record<string, Cell> = {}) {
  const parquetPath = join(bus.folder, `${jobId}-${x}.parquet`);
  const row = { x, ...extra };
  const columns = Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, typeof value === 'number' ? 'int64' : 'string'] as const),
  );
  await writeSmallParquet(parquetPath, { columns, rows: [row] });
  const artifact = { producer: 'p', kind: 'k', artifactId: 'A', schemaHint: 'canon.ticks', parquetPath };
  return submitArtifact({ busRoot: root, jobId, runId: jobId, meta: { note: 'ünï' }, ...artifact });
}

/** Creates a bus with every kind of row that a journal can have. */
async function fill(bus: TestCluster, { config, root }: { config: string; root: string }): Promise<void> {
  const settle = () => bus.done('start', '--drain', '--config', config);
  await initBusRoot(root);
  await submit(bus, root, 'job-0', 0);
  const pair = join(bus.folder, 'pair.parquet');
  await writeSmallParquet(pair, { columns: { y: 'int64' }, rows: [{ y: 1 }, { y: 2 }] });
  await submitArtifacts({
    busRoot: root,
    jobId: 'pair',
    runId: 'pair',
    producer: 'p',
    kind: 'pairs',
    artifacts: [
      { artifactId: 'one', schemaHint: 'canon.prices', parquetPath: pair },
      { artifactId: 'two', kind: 'other', parquetPath: pair },
    ],
    inputs: ['job-0/p/k/A'],
  });
  await settle();
  await submit(bus, root, 'job-1', 1, { label: 'a' }); // widens the table
  await submit(bus, root, 'job-0', 0); // the same again: a duplicate
  await submit(bus, root, 'bad', 'text'); // does not fit, and stays rejected
  await submit(bus, root, 'bad-once', 'text'); // does not fit either
  await submit(bus, root, 'job-2', 2, { label: 'b' });
  await settle(); // a slow file may be overtaken by an operation
  await bus.done('dismiss', 'bad-once', '--note', 'tried once', '--config', config);
  await bus.done('alias', 'set', 'p/k@best', 'job-1/p/k/A', '--config', config);
}

/** Returns all that readers see of a bus, except paths. */
async function contentOf(config: string): Promise<Record<string, unknown>> {
  const catalog = await openCatalog({ config });
  try {
    const views = await catalog.query(
      `SELECT schema_name || '.' || view_name AS name FROM duckdb_views() WHERE schema_name IN ('canon', 'catalog')
       AND view_name NOT IN ('bus_info', 'exports_d', 'datasets_d', 'views_d') AND NOT internal ORDER BY name`,
    );
    const content: Record<string, unknown> = {};
    for (const { name } of views) {
      const rows = await catalog.query(`SELECT * FROM ${name}`);
      const places = ['canonical_path', 'rel_path'];
      content[String(name)] = rows
        .map(row => Object.fromEntries(Object.entries(row).filter(([column]) => !places.includes(column))))
        .map(row => JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? Number(value) : value)))
        .sort();
    }
    return content;
  } finally {
    await catalog.close();
  }
}

/** Returns every file with its size and time. */
const filesBelow = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map(name => [name, statSync(join(folder, name))] as const)
      .filter(([, info]) => info.isFile())
      .map(([name, { size, mtimeMs }]) => [name, `${size} ${mtimeMs}`]),
  );

const factsOf = (text: string) =>
  JSON.parse(text, (name, value) => (name === 'canonical_path' ? undefined : value)) as object;

/** Returns the receipts of a bus on one machine, except paths. */
const receiptsBelow = (root: string): Record<string, object> =>
  Object.fromEntries(
    readdirSync(join(root, 'processed')).map(jobId => [
      jobId,
      factsOf(readFileSync(join(root, 'processed', jobId, 'RECEIPT.json'), 'utf8')),
    ]),
  );

/** Returns the paths in receipts of a bus on one machine at which there is no file. */
const missingFiles = (root: string): string[] =>
  readdirSync(join(root, 'processed'))
    .map(jobId => JSON.parse(readFileSync(join(root, 'processed', jobId, 'RECEIPT.json'), 'utf8')))
    .flatMap(({ artifacts }) => (artifacts as { canonical_path: string }[]).map(each => each.canonical_path))
    .filter(path => !existsSync(path));

/** Returns the receipts of a cluster, except paths. */
async function receiptsIn(bus: TestCluster): Promise<Record<string, object>> {
  const objects = await openObjects(bus.objects);
  const found: Record<string, object> = {};
  for (const key of await bus.names('receipts/'))
    found[key.slice('receipts/'.length, -'.json'.length)] = factsOf(String(await objects.read(key, 100_000)));
  return found;
}

describeClusters(
  'a move',
  newCluster => {
    test('brings a bus from one machine into a cluster and back, value by value', async () => {
      const bus = await newCluster(canon);
      const old = machine(bus, 'old');
      await fill(bus, old);
      const before = await contentOf(old.config);
      expect(before).toMatchObject({
        'canon.ticks': { length: 3 },
        'catalog.aliases_v': { length: 1 },
        'catalog.jobs_f': { length: 9 },
      });
      const files = filesBelow(old.root);
      const waiting = await submit(bus, old.root, 'late', 9, { label: 'late' });

      const there = ['move', '--config', old.config, '--to', bus.config];
      await bus.killedAt('move:artifact-copied#3', ...there);
      const moved = JSON.parse(await bus.done(...there, '--json'));
      expect(moved).toMatchObject({ lastSeq: 9, jobs: 9, artifacts: 5, rejected: 2, waiting: 1 });
      expect(await contentOf(bus.config)).toEqual(before);
      expect(filesBelow(old.root)).toMatchObject(files);
      expect(await bus.done('verify')).toContain('every file matches');

      // The old bus may continue until the new one starts.
      await bus.done('start', '--drain', '--config', old.config);
      expect(await waiting.settled()).toMatchObject({ seq: 10 });
      expect(JSON.parse(await bus.done(...there, '--json'))).toMatchObject({ lastSeq: 10, jobs: 1 });
      expect(await receiptsIn(bus)).toEqual(receiptsBelow(old.root));
      await bus.done('retry', 'bad');
      await bus.submit('job-3', 3);
      await bus.done('start', '--drain');
      expect(JSON.parse(await bus.done('rejected', '--json'))).toMatchObject([
        { jobId: 'bad', reason: { seq: expect.any(Number), code: 'SCHEMA_MISMATCH' } },
      ]);
      const refused = await bus.command(...there);
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('MOVE_TARGET_TAKEN') });

      const inCluster = await contentOf(bus.config);
      const back = machine(bus, 'back');
      await bus.killedAt('move:artifact-copied#3', 'move', '--to', back.config);
      const objects = await openObjects(bus.objects);
      const receipts = await receiptsIn(bus);
      const manifest = 'rejected/bad.manifest.json';
      const good = await objects.read(manifest, 100_000);
      for (const key of ['receipts/job-1.json', 'rejected/bad.json', manifest])
        await objects.replace(key, Buffer.from('{'));
      expect(await bus.command('move', '--to', back.config)).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(`FILE_DAMAGED.*${manifest}`),
      });
      await objects.replace(manifest, good as Buffer); // the journal has been moved already
      expect(JSON.parse(await bus.done('move', '--to', back.config, '--json'))).toMatchObject({
        lastSeq: 12,
        jobs: 0,
        receipts: Object.keys(receipts).length,
        rejected: 2,
      });
      expect(await contentOf(back.config)).toEqual(inCluster);
      expect(receiptsBelow(back.root)).toEqual(receipts);
      expect(await bus.done('verify', '--deep', '--config', back.config)).toContain('every file matches');
      expect(missingFiles(back.root)).toEqual([]);
      const again = await newCluster(canon);
      await again.done('move', '--config', back.config, '--to', again.config);
      await again.done('retry', 'bad');
      await bus.done('retry', 'bad', '--config', back.config);
      const last = await submit(bus, back.root, 'job-4', 4);
      await bus.done('start', '--drain', '--config', back.config);
      const lastSeq = (await last.settled()).seq as number;
      expect([13, 14]).toContain(lastSeq);
      expect(JSON.parse(await bus.done('rejected', '--json', '--config', back.config))).toMatchObject([
        { jobId: 'bad', reason: { seq: 13 + 14 - lastSeq, code: 'SCHEMA_MISMATCH' } },
      ]);
    });

    test('brings along what was forgotten, and tables that operations have changed', async () => {
      const bus = await newCluster(canon);
      const old = machine(bus, 'old');
      const run = (...args: string[]) => bus.done(...args, '--config', old.config);
      await initBusRoot(old.root);
      const parquetPath = join(bus.folder, 'rows.parquet');
      await writeSmallParquet(parquetPath, { columns: { id: 'int64' }, rows: [{ id: 1 }, { id: 2 }] });
      const add = (runId: string, kind: string, schemaHint?: string) =>
        submitArtifact({ busRoot: old.root, runId, producer: 'p', kind, artifactId: kind, schemaHint, parquetPath });
      for (const [index, runId] of ['a', 'b', 'c'].entries()) {
        await submit(bus, old.root, runId, index);
        for (const table of ['keyed', 'dropped', 'again', 'typed']) await add(runId, table, `canon.${table}`);
        await add(runId, 'plain');
      }
      await run('start', '--drain');
      await run('table', 'rename', 'ticks', 'quotes', '--apply');
      await run('table', 'retype', 'typed', 'id', 'VARCHAR', '--apply');
      await run('table', 'set-mode', 'keyed', 'upsert', '--key', 'id', '--apply');
      for (const table of ['dropped', 'again']) await run('table', 'drop', table, '--apply');
      await run('table', 'restore', 'again');
      await run('forget', 'a/p/plain/plain', 'b/p/plain/plain', '--force', '--apply');
      await run('forget', 'b/p/k/A', '--force', '--apply');
      await add('b', 'plain'); // brings it back
      await add('d', 'typed', 'canon.typed');
      await submit(bus, old.root, 'd', 3);
      await run('start', '--drain');

      const move = () => bus.command('move', '--config', old.config, '--to', bus.config);
      expect((await move()).stderr).toMatch(/CLUSTER_UNSUPPORTED.*canon\.quotes has rows of artifacts/);
      expect(await bus.names('store/')).toEqual([]);
      await run('forget', 'b/p/k/A', '--rows', 'drop', '--force', '--apply');
      await run('start', '--drain');
      const before = await contentOf(old.config);
      expect(before).toMatchObject({
        'canon.quotes': { length: 3 },
        'canon.keyed': { length: 2 },
        'canon.again': { length: 6 },
        'canon.typed': expect.arrayContaining([expect.stringContaining('"id":"2"')]),
        'catalog.forgotten_f': { length: 2 },
      });
      expect(Object.keys(before)).not.toContain('canon.dropped');

      await bus.killedAt('move:appended', 'move', '--config', old.config, '--to', bus.config);
      expect(await move()).toMatchObject({ code: 0 });
      expect(await contentOf(bus.config)).toEqual(before);
      expect(await bus.done('verify', '--deep')).toContain('every file matches');
      const daemon = bus.start();
      await bus.done('table', 'restore', 'dropped');
      await bus.done('table', 'retype', 'typed', 'id', 'BIGINT', '--apply');
      await (await bus.submit('late', 9)).settled();
      daemon.process.kill('SIGTERM');
      expect(await daemon.ended, daemon.stderr()).toEqual({ code: 0, signal: null });
      expect(await contentOf(bus.config)).toMatchObject({ 'canon.dropped': { length: 6 } });

      const back = machine(bus, 'back');
      await bus.done('move', '--to', back.config);
      expect(await contentOf(back.config)).toEqual(await contentOf(bus.config));
      expect(await bus.done('verify', '--deep', '--config', back.config)).toContain('every file matches');
    });

    test('is refused before anything is copied', async () => {
      const bus = await newCluster();
      const old = machine(bus, 'old');
      const drain = () => bus.done('start', '--drain', '--config', old.config);
      await initBusRoot(old.root);
      const parquetPath = join(bus.folder, 'times.parquet');
      const { connection, close } = await openMemoryDatabase({ memoryMb: 100, threads: 1 });
      await connection.run(
        `COPY (SELECT 1 AS x, TIMETZ '10:00:00+00' AS at, [TIMETZ '11:00:00+00'] AS many) TO '${parquetPath}'`,
      );
      close();
      const artifact = { producer: 'p', kind: 'k', artifactId: 'a', schemaHint: 'canon.times', parquetPath };
      await submitArtifact({ busRoot: old.root, runId: 'r', ...artifact });
      await drain();
      const move = (to: string) => bus.command('move', '--config', old.config, '--to', to);
      expect(await move(old.config)).toMatchObject({ code: 1, stderr: expect.stringContaining('CONFIG_INVALID') });
      const { code, stderr } = await move(bus.config);
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('COLUMN_UNSUPPORTED') });
      expect(stderr).toMatch(/canon\.times: at: .*\n.*canon\.times: many: /);
      bus.configure({ canon: { tables: { times: { mode: 'latest' } } } });
      const other = await move(bus.config);
      expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('other canonical tables: times') });
      await bus.done('forget', 'r/p/k/a', '--force', '--apply', '--config', old.config);
      const forgetful = await move(bus.config);
      expect(forgetful).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('canon.times has rows of artifacts'),
      });
      expect(await bus.names('store/')).toEqual([]);
      expect(await bus.pg.query('SELECT seq FROM bus.head')).toEqual([{ seq: 0 }]);
    });
  },
  ['campaign'],
);

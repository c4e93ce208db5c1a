import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { verifyStore } from '@quantbot/bus-care/verify';
import { type DatasetManifest, type ExportEntry, manifestOf as manifestPath } from '@quantbot/bus-format/state';
import { readParquet } from '@quantbot/storage';
import { sampleOf } from '@quantbot/tooling-config/campaign';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { numbers } from '@quantbot/tooling-testing/parquet';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain, launchDaemon, spawnDaemon } from '../support/daemon-process.js';
import { query } from '../support/query.js';

const soon = { compaction: { hot_commits: 2, idle_s: 0.2, release_grace_s: 0 } };
const datasetOf = (bus: TestBus, name = 'numbers') => join(bus.config.export.exportDir, name);
const manifestOf = (bus: TestBus, name?: string): DatasetManifest =>
  JSON.parse(readFileSync(manifestPath(datasetOf(bus, name)), 'utf8'));
const statusOf = (bus: TestBus, name = 'numbers'): ExportEntry =>
  JSON.parse(readFileSync(join(bus.config.export.exportDir, '_export_status.json'), 'utf8')).exports[name];
const configure = (bus: TestBus, settings: object) =>
  writeFileSync(bus.configPath, JSON.stringify({ poll_interval_s: 0.2, ...settings }));

/** Returns the files of a dataset: their names, and a value that changes with each version. */
const filesOf = (bus: TestBus, name?: string): Map<string, string> => {
  const folder = realpathSync(datasetOf(bus, name));
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.parquet'));
  return new Map(
    names.sort().map(file => {
      const { ino, size, mtimeMs } = statSync(join(folder, file));
      return [file, `${ino} ${size} ${mtimeMs}`];
    }),
  );
};

const dataset = (table: object, more: object = {}) => ({
  export: { tables: { numbers: { layout: 'dataset', ...table } }, min_interval_s: 0, max_share: 1, ...more },
  ...soon,
});

sampled('of a table that grows a dataset gets what is new: only its newest file is ever written again', async () => {
  const bus = makeTestBus(dataset({ part_rows: 10 }));
  await drain(bus);
  let before = new Map<string, string>();
  for (let job = 1; job <= 9; job++) {
    await submit(bus, { schemaHint: 'canon.numbers', select: numbers(4, `, ${job} AS job`) });
    await drain(bus); // this also compacts
    const after = filesOf(bus);
    const last = [...after.keys()].at(-1);
    for (const [file, version] of before) {
      expect([...after.keys()], `after job ${job}`).toContain(file);
      if (file !== last) expect(after.get(file), `${file} after job ${job}`).toBe(version);
    }
    before = after;
  }
  expect(before.size).toBe(3); // 12 rows each: a job's rows are never in two files
  const inOrder = await query(bus, 'SELECT n, job, _seq FROM _rows.numbers ORDER BY _seq, _ordinal, _row');
  expect(await readParquet(datasetOf(bus), { columns: ['n', 'job', '_seq'] })).toEqual(inOrder);
  expect(await query(bus, `SELECT n, job, _seq FROM read_parquet('${datasetOf(bus)}/*.parquet')`)).toEqual(inOrder);
  expect(statusOf(bus)).toMatchObject({
    ok: true,
    path: datasetOf(bus),
    rows: 36,
    files: 3,
    sha256: null,
    as_of_seq: 9,
  });
  expect(await query(bus, 'SELECT name, files, "rows" FROM catalog.exports_d')).toEqual([
    { name: 'numbers', files: 3, rows: 36 },
  ]);
  expect(readdirSync(bus.config.export.exportDir).filter(name => name.endsWith('.tmp'))).toEqual([]);
  // Readers expect only Parquet in the folder, so the manifest is beside it.
  expect(readdirSync(datasetOf(bus))).toEqual([...before.keys()]);
  expect(manifestOf(bus).files.map(file => file.path)).toEqual([...before.keys()]);
});

sampled('whoever reads a dataset while it grows sees whole jobs, never fewer than before', async () => {
  const bus = makeTestBus(dataset({ part_rows: 7 }));
  await drain(bus);
  await submit(bus, { schemaHint: 'canon.numbers', select: numbers(3) });
  await drain(bus);
  await spawnDaemon(bus);
  let seen = 0;
  for (let job = 0; job < 15; job++) {
    await (await submit(bus, { schemaHint: 'canon.numbers', select: numbers(3) })).settled();
    for (let look = 0; look < 4; look++) {
      const rows = await readParquet<{ _seq: number }>(datasetOf(bus), { columns: ['_seq'] });
      const jobs = new Set(rows.map(row => row._seq)).size;
      expect(rows).toHaveLength(jobs * 3);
      expect(rows.at(-1)?._seq).toBe(jobs); // up to some commit, without a gap
      expect(jobs).toBeGreaterThanOrEqual(seen);
      seen = jobs;
    }
    expect((await verifyStore(bus.config)).problems).toEqual([]); // while the daemon exports
  }
  await eventually(
    async () => (await readParquet(datasetOf(bus))).length,
    rows => rows === 48,
  );
});

sampled('partitions are folders whose files have every column, whatever the values are', async () => {
  const values = [null, '', 'a b/ü', '..', `it's`, '50%', 'a=b', '1m'];
  const list = values.map(value => (value === null ? 'NULL' : `'${value.replaceAll("'", "''")}'`)).join(', ');
  const select = `SELECT unnest([${list}]) AS part, DATE '2026-01-31' + CAST(range % 2 AS INTEGER) AS day, range AS n FROM range(3)`;
  const bus = makeTestBus(dataset({ partition_by: ['part', 'day'], part_rows: 40 }));
  await drain(bus);
  for (let job = 0; job < 3; job++) {
    await submit(bus, { schemaHint: 'canon.numbers', select });
    await drain(bus);
  }
  const columns = 'part, day, n, _seq';
  const order = 'ORDER BY part NULLS FIRST, day, n, _seq';
  const source = `read_parquet('${datasetOf(bus)}/**/*.parquet')`;
  const want = await query(bus, `SELECT ${columns} FROM canon.numbers ${order}`);
  expect(want).toHaveLength(values.length * 9);
  expect(await query(bus, `SELECT ${columns} FROM ${source} ${order}`)).toEqual(want);
  const read = await readParquet(datasetOf(bus), { where: `part = '1m'` });
  expect(read).toHaveLength(9);
  expect(statusOf(bus)).toMatchObject({ ok: true, rows: values.length * 9 });
  expect(filesOf(bus).size).toBe(values.length * 2 * 2); // two groups of jobs, each with a file for each of the partitions
});

sampled(
  'a column that appears later makes the dataset anew; who found the old one reads it to its end, then it goes',
  async () => {
    const bus = makeTestBus({ ...dataset({ part_rows: 5 }), compaction: { release_grace_s: 3600 } });
    await drain(bus);
    for (let job = 0; job < 3; job++) await submit(bus, { schemaHint: 'canon.numbers', select: numbers(6) });
    await drain(bus);
    const old = realpathSync(datasetOf(bus));
    await submit(bus, { schemaHint: 'canon.numbers', select: numbers(6, `, 'x' AS late`) });
    await drain(bus);
    expect(await readParquet(old)).toHaveLength(18);
    expect(realpathSync(datasetOf(bus))).not.toBe(old);
    const rows = await readParquet<{ late: string | null }>(datasetOf(bus), { columns: ['late'] });
    expect(rows.map(row => row.late)).toEqual([...Array(18).fill(null), ...Array(6).fill('x')]);
    configure(bus, dataset({ part_rows: 5 }));
    const daemon = await spawnDaemon(bus);
    await eventually(
      () => existsSync(old),
      there => !there,
    );
    await daemon.stop();
    expect(await readParquet(datasetOf(bus))).toHaveLength(24);
  },
);

sampled('what does not only grow is replaced in one step: tables of other modes, and SELECTs', async () => {
  const bus = makeTestBus({
    canon: { tables: { newest: { mode: 'latest' } } },
    export: {
      tables: { newest: { layout: 'dataset', partition_by: ['k'] } },
      jobs: [{ name: 'sums', sql: 'SELECT k, sum(n) AS total FROM canon.newest GROUP BY k', layout: 'dataset' }],
      min_interval_s: 0,
      max_share: 1,
    },
    ...soon,
  });
  await drain(bus);
  const inOrder = { columns: ['k', 'n'], orderBy: 'n' };
  for (const k of ['a', 'b']) {
    await submit(bus, { schemaHint: 'canon.newest', select: numbers(3, `, '${k}' AS k`) });
    await drain(bus);
    expect(await readParquet(datasetOf(bus, 'newest'), inOrder)).toEqual([0, 1, 2].map(n => ({ k, n })));
    expect(await readParquet(datasetOf(bus, 'sums'))).toEqual([{ k, total: '3' }]);
  }
});

sampled(
  'a dataset with a file missing, or made by other settings, is made anew although nothing was committed',
  async () => {
    const bus = makeTestBus(dataset({ part_rows: 5 }));
    await drain(bus);
    for (let job = 0; job < 3; job++) {
      await submit(bus, { schemaHint: 'canon.numbers', select: numbers(6) });
      await drain(bus);
    }
    expect(filesOf(bus).size).toBe(3);
    configure(bus, dataset({ part_rows: 100, compression: 'snappy' }));
    await drain(bus);
    expect(filesOf(bus).size).toBe(1);
    expect(manifestOf(bus)).toMatchObject({ as_of_seq: 3, open_from_seq: 1 });

    const [file] = filesOf(bus).keys();
    rmSync(join(datasetOf(bus), file as string));
    await submit(bus, { schemaHint: 'canon.numbers', select: numbers(6) });
    await drain(bus);
    expect(await readParquet(datasetOf(bus))).toHaveLength(24);
    rmSync(datasetOf(bus)); // the link
    await drain(bus);
    expect(await readParquet(datasetOf(bus))).toHaveLength(24);
  },
);

sampled('from a file to a dataset and back at one path', async () => {
  const job = { name: 'sums', sql: 'SELECT sum(n) AS total FROM canon.numbers', path: 'here' };
  const settings = (layout: string) => ({
    export: { jobs: [{ ...job, layout }], min_interval_s: 0, max_share: 1 },
    ...soon,
  });
  const bus = makeTestBus(settings('file'));
  await drain(bus);
  await submit(bus, { schemaHint: 'canon.numbers' });
  for (const layout of ['file', 'dataset', 'file']) {
    configure(bus, settings(layout));
    await drain(bus);
    expect(statSync(datasetOf(bus, 'here')).isDirectory()).toBe(layout === 'dataset');
    expect(await readParquet(datasetOf(bus, 'here'))).toEqual([{ total: '3' }]);
  }
  const daemon = await spawnDaemon(bus);
  await eventually(
    () => readdirSync(bus.config.export.exportDir).sort(),
    names => names.join() === '_export_status.json,here,numbers.parquet',
  );
  await daemon.stop();
});

sampled(
  'a folder of somebody else where the dataset should be stays as it is, and the status says what to do',
  async () => {
    const bus = makeTestBus(dataset({}));
    mkdirSync(datasetOf(bus), { recursive: true });
    writeFileSync(join(datasetOf(bus), 'mine.txt'), 'mine');
    await drain(bus);
    await submit(bus, { schemaHint: 'canon.numbers' });
    await drain(bus);
    expect(statusOf(bus)).toMatchObject({
      ok: false,
      error: expect.stringContaining('is a folder that the bus did not create'),
    });
    expect(readFileSync(join(datasetOf(bus), 'mine.txt'), 'utf8')).toBe('mine');
    rmSync(datasetOf(bus), { recursive: true });
    await drain(bus);
    expect(statusOf(bus)).toMatchObject({ ok: true, rows: 3 });
    expect(readdirSync(bus.config.export.exportDir).filter(name => name.startsWith('.'))).toHaveLength(1);
  },
);

sampled('SQL of the configuration cannot write elsewhere through a dataset', async () => {
  const bus = makeTestBus();
  const outside = join(bus.folder, 'outside');
  mkdirSync(outside);
  const hostile = [
    `SELECT 1 AS a) TO '${outside}/x.parquet'; SELECT (1`,
    `COPY (SELECT 1) TO '${outside}/x.parquet'`,
    `SELECT '../../../../outside/x' AS a, 1 AS b`, // as a partition
  ];
  const jobs = hostile.map((sql, index) => ({ name: `job_${index}`, sql, layout: 'dataset', partition_by: ['a'] }));
  configure(bus, { export: { jobs, min_interval_s: 0, max_share: 1 } });
  await drain(bus);
  await submit(bus, { schemaHint: 'canon.numbers' });
  await drain(bus);
  expect([0, 1, 2].map(index => statusOf(bus, `job_${index}`).ok)).toEqual([false, false, true]);
  expect(readdirSync(outside)).toEqual([]);
  expect(filesOf(bus, 'job_2').size).toBe(1);
});

const killPoints = ['export:part-renamed', 'export:part-renamed#2', 'export:before-switch', 'export:after-switch'];

test.each(sampleOf(killPoints, 1))(
  'killed at %s, the dataset has every row once after the next start',
  { tags: ['campaign'] },
  async point => {
    const bus = makeTestBus(dataset({ part_rows: 9, partition_by: ['side'] }));
    await drain(bus);
    const select = numbers(4, `, CASE WHEN range % 2 = 0 THEN 'even' ELSE 'odd' END AS side`);
    const submitOne = () => submit(bus, { schemaHint: 'canon.numbers', select });
    const isSwitch = point.includes('switch');
    if (!isSwitch) {
      await submitOne();
      await drain(bus);
    }
    let killed = 0;
    for (let round = 0; round < 4; round++) {
      await submitOne();
      const { signal } = await launchDaemon(bus, { args: ['--drain'], env: { QUANTBOT_FAULT_POINT: point } }).ended;
      if (signal === 'SIGKILL') killed += 1;
      if (round % 2 === 1) await drain(bus); // in the other rounds it is killed twice in a row
    }
    expect(killed).toBeGreaterThanOrEqual(isSwitch ? 1 : 3);
    await drain(bus);
    const rows = await readParquet<{ n: number; _seq: number }>(datasetOf(bus), { columns: ['n', '_seq'] });
    const keys = rows.map(row => `${row._seq}-${row.n}`).sort();
    const want = await query(bus, 'SELECT n, _seq FROM canon.numbers');
    expect(keys).toEqual(want.map(row => `${row._seq}-${row.n}`).sort());
    expect(want).toHaveLength(isSwitch ? 16 : 20);
    expect(readdirSync(bus.config.export.exportDir).filter(name => name.endsWith('.tmp'))).toEqual([]);
  },
);

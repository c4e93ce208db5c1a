import { join } from 'node:path';
import type { TableMode } from '@quantbot/infra/config';
import { setTableMode } from '@quantbot/infra/utils';
import { openCatalog, readParquet } from '@quantbot/storage';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus, testBusIn } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';
import { drain, quantbotBus, startDaemon } from '../support/daemon-process.js';
import { operateKilledAt } from '../support/killed-operation.js';

/** A row of `canon.t`: a key, a revision, and the job that brought it. */
interface Row {
  k: string | null;
  rev: number;
  job: number;
}

interface Setting {
  mode: TableMode;
  key?: string[];
  orderBy?: string[];
}

const append: Setting = { mode: 'append' };
const latest: Setting = { mode: 'latest' };
const byKey: Setting = { mode: 'upsert', key: ['k'] };
const byRevision: Setting = { mode: 'upsert', key: ['k'], orderBy: ['rev'] };

const sorted = (rows: readonly Row[]): Row[] => [...rows].sort((a, b) => a.job - b.job || a.rev - b.rev);

/** The rows that a table shows, said once more and without SQL. */
function shownBy({ mode, orderBy }: Setting, rows: readonly Row[]): Row[] {
  if (mode === 'append') return sorted(rows);
  const newest = Math.max(...rows.map(({ job }) => job));
  if (mode === 'latest') return sorted(rows.filter(({ job }) => job === newest));
  const best = new Map<string | null, Row>();
  for (const row of sorted(rows)) {
    const there = best.get(row.k);
    if (there === undefined || orderBy === undefined || row.rev >= there.rev) best.set(row.k, row);
  }
  return sorted([...best.values()]);
}

const add = (bus: TestBus, job: number, rows: readonly Row[]) =>
  submit(bus, {
    runId: `r${job}`,
    kind: 't',
    artifactId: 't',
    schemaHint: 'canon.t',
    select: `SELECT k::VARCHAR AS k, rev::INTEGER AS rev, job::INTEGER AS job FROM (VALUES ${rows
      .map(({ k, rev, job }) => `(${k === null ? 'NULL' : `'${k}'`}, ${rev}, ${job})`)
      .join(', ')}) r(k, rev, job)`,
  });

const rowsOf = async (bus: TestBus, seq?: number): Promise<Row[]> => {
  await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  const sql = 'SELECT k, rev, job FROM canon.t ORDER BY job, rev';
  if (seq === undefined) return (await catalog.query(sql)) as unknown as Row[];
  await using past = await catalog.asOf(seq);
  return (await past.query(sql)) as unknown as Row[];
};

const listed = async (bus: TestBus, seq?: number) => {
  await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  await using past = await catalog.asOf(seq ?? 1_000_000);
  return past.query('SELECT mode, key, order_by FROM catalog.tables_d');
};

async function json(bus: TestBus, ...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await quantbotBus(bus, ...args, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

const mustVerify = async (bus: TestBus) =>
  expect(await quantbotBus(bus, 'verify')).toMatchObject({ code: 0, stderr: '' });

const first: Row[] = [
  { k: 'a', rev: 5, job: 1 },
  { k: 'b', rev: 1, job: 1 },
];
const second: Row[] = [
  { k: 'a', rev: 2, job: 2 },
  { k: 'c', rev: 1, job: 2 },
];

sampled('a table shows the rows of the mode that is set, its past those of the mode that it had', async () => {
  const bus = makeTestBus({ compaction: { release_grace_s: 0 } });
  const exported = join(bus.config.export.exportDir, 't.parquet');
  await drain(bus);
  await add(bus, 1, first);
  await add(bus, 2, second);
  await drain(bus);
  const all = [...first, ...second];

  const before = { mode: 'append', key: [], order_by: [] };
  expect(await json(bus, 'table', 'set-key', 'canon.T', 'k')).toEqual({
    applied: false,
    table: 't',
    before,
    artifacts: 2,
    artifact_rows: 4,
    hidden_rows: 1,
    lost_rows: 0,
  });
  expect(await rowsOf(bus)).toEqual(sorted(all));
  const refused = await quantbotBus(bus, 'table', 'set-mode', 't', 'upsert', '--key', 'nothing');
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('do not fit this mode and key') });
  expect(await json(bus, 'table', 'set-key', 't', 'k', '--order-by', 'rev', '--apply')).toMatchObject({ seq: 3 });
  expect(await rowsOf(bus)).toEqual(shownBy(byRevision, all));
  expect(await rowsOf(bus, 2)).toEqual(sorted(all));
  expect(await rowsOf(bus, 1)).toEqual(sorted(first));
  expect(await listed(bus)).toEqual([{ mode: 'upsert', key: ['k'], order_by: ['rev'] }]);
  expect(await listed(bus, 2)).toEqual([before]);
  expect(await readParquet(exported)).toHaveLength(3);
  await mustVerify(bus);

  // What comes later follows the key, and needs it.
  const third = [{ k: 'b', rev: 0, job: 4 }];
  await add(bus, 4, third);
  const withoutKey = await add(bus, 5, [{ k: null, rev: 1, job: 5 }]);
  await drain(bus);
  await expect(withoutKey.settled()).rejects.toMatchObject({ code: 'SCHEMA_MISMATCH' });
  expect(await rowsOf(bus)).toEqual(shownBy(byRevision, [...all, ...third]));

  // The same declaration changes nothing, and another one ends the start.
  const declared = (table: object) => testBusIn(bus.folder, { canon: { tables: { t: table } } });
  await drain(declared({ mode: 'upsert', key: ['k'], order_by: ['rev'] }));
  await expect(drain(declared({ mode: 'latest' }))).rejects.toThrow(/another mode or key/);
  const asSet = declared({ mode: 'upsert', key: ['k'], order_by: ['rev'] });
  const { stderr } = await quantbotBus(asSet, 'table', 'set-mode', 't', 'latest');
  expect(stderr).toContain('canon.tables.t');

  testBusIn(bus.folder, { compaction: { release_grace_s: 0 } });
  await json(bus, 'table', 'set-mode', 't', 'latest', '--apply');
  expect(await rowsOf(bus)).toEqual(third);
  expect(await rowsOf(bus, 5)).toEqual(shownBy(byRevision, [...all, ...third]));
  expect(await quantbotBus(bus, 'rebuild')).toMatchObject({ code: 0 });
  expect(await rowsOf(bus)).toEqual(third);
  await json(bus, 'table', 'set-mode', 't', 'append', '--apply');
  expect(await rowsOf(bus)).toEqual(sorted([...all, ...third]));
  expect(await rowsOf(bus, 6)).toEqual(third);
  expect(await rowsOf(bus, 3)).toEqual(shownBy(byRevision, all));
  await mustVerify(bus);
});

sampled('forgetting follows the mode that is set, and a key that is NULL somewhere is refused', async () => {
  const bus = makeTestBus({ compaction: { release_grace_s: 0 } });
  await drain(bus);
  const withoutKey = { runId: 'r0', kind: 't', artifactId: 't', schemaHint: 'canon.t', select: 'SELECT 0 AS job' };
  await submit(bus, withoutKey);
  await add(bus, 1, first);
  await add(bus, 2, second);
  await add(bus, 3, [{ k: null, rev: 9, job: 3 }]);
  await drain(bus);
  expect((await quantbotBus(bus, 'table', 'set-key', 't', 'k')).stderr).toContain('does not fit r0/tests/t/t');
  await json(bus, 'forget', 'r0/tests/t/t', '--rows', 'drop', '--apply', '--force');
  const nulls = await quantbotBus(bus, 'table', 'set-key', 't', 'k', '--apply');
  expect(nulls).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('The key of canon.t does not fit r3/tests/t/t'),
  });
  expect(nulls.stderr).toContain('NULL in 1 of 1 rows');
  expect((await quantbotBus(bus, 'table', 'set-key', 't', 'k')).stderr).toContain('does not fit r3/tests/t/t');

  // An append table keeps the rows of what is forgotten; another mode loses them for ever.
  await json(bus, 'forget', 'r1/tests/t/t', '--apply', '--force');
  await json(bus, 'forget', 'r3/tests/t/t', '--rows', 'drop', '--apply', '--force');
  expect(await rowsOf(bus)).toEqual(sorted([...first, ...second]));
  const byRev = ['table', 'set-key', 't', 'k', '--order-by', 'rev'];
  expect(await json(bus, ...byRev)).toMatchObject({ hidden_rows: 0, lost_rows: 2 });
  await json(bus, ...byRev, '--apply');
  expect(await rowsOf(bus)).toEqual(sorted(second));
  await mustVerify(bus);
  const again = await submit(bus, withoutKey);
  await drain(bus);
  await expect(again.settled()).rejects.toMatchObject({ code: 'SCHEMA_MISMATCH' });
  // A process that is still ending may hold the old files: then they go at the next start.
  const erased = () => quantbotBus(bus, 'verify', '--erased', 'r1/tests/t/t');
  await eventually(
    () => drain(bus).then(erased),
    ({ code }) => code === 0,
  );

  const later = [{ k: 'a', rev: 7, job: 8 }];
  await add(bus, 8, later);
  await drain(bus);
  expect(await json(bus, 'forget', 'r8/tests/t/t', '--force')).toMatchObject({ keys: [{ rows: 'dropped' }] });
  await json(bus, 'forget', 'r8/tests/t/t', '--apply', '--force');
  expect(await rowsOf(bus)).toEqual(sorted(second));
  await json(bus, 'table', 'drop', 't', '--apply');
  await add(bus, 11, [{ k: null, rev: 1, job: 11 }]);
  await drain(bus);
  expect(await listed(bus)).toMatchObject([{ mode: 'append', key: [] }]);
  const restored = await quantbotBus(bus, 'table', 'restore', 't');
  expect(restored).toMatchObject({ code: 1, stderr: expect.stringContaining('does not fit r11/tests/t/t') });
  await json(bus, 'forget', 'r11/tests/t/t', '--rows', 'drop', '--apply', '--force');
  await json(bus, 'table', 'restore', 't');
  expect(await listed(bus)).toMatchObject([{ mode: 'upsert', key: ['k'] }]);
  expect(await rowsOf(bus)).toEqual(sorted(second));
  await mustVerify(bus);
});

sampled('a running daemon, its dataset and a backup follow a mode that is set', async () => {
  const tables = { t: { layout: 'dataset' } };
  const bus = makeTestBus({ compaction: { release_grace_s: 0.05 }, export: { tables } });
  await drain(bus);
  await add(bus, 1, first);
  await add(bus, 2, second);
  await drain(bus);
  const all = [...first, ...second];
  const daemon = await startDaemon(bus);
  const { busRoot } = bus.config;
  const dataset = async () => {
    await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
    const files = join(bus.config.export.exportDir, 't', '**', '*.parquet');
    return catalog.query(`SELECT k, rev, job FROM read_parquet('${files}') ORDER BY job, rev`);
  };
  const mustBecome = async (rows: readonly Row[]) => {
    for (const look of [dataset, () => rowsOf(bus)])
      await eventually(
        () => look().catch(() => []),
        found => JSON.stringify(found) === JSON.stringify(rows),
      );
  };
  expect(await setTableMode({ table: 't', ...byKey, reason: 'corrections', by: 'ann@lab' }, { busRoot })).toBe(3);
  // An append table has every row already, so its readers see the new mode at once.
  expect(await rowsOf(bus)).toEqual(shownBy(byKey, all));
  await mustBecome(shownBy(byKey, all));
  await setTableMode({ table: 't', ...byRevision }, { busRoot });
  await mustBecome(shownBy(byRevision, all));
  await expect(setTableMode({ table: 't', ...byRevision }, { busRoot })).rejects.toMatchObject({
    code: 'OPERATION_INVALID',
  });
  await setTableMode({ table: 't', ...append }, { busRoot });
  await mustBecome(sorted(all));
  await setTableMode({ table: 't', ...latest }, { busRoot });

  // The daemon may not have compacted the newest commit.
  const copy = makeTestBus({ bus_root: 'copy' });
  expect(await quantbotBus(bus, 'backup', copy.config.busRoot)).toMatchObject({ code: 0, stderr: '' });
  await daemon.stop();
  await drain(copy);
  expect(await rowsOf(copy)).toEqual(shownBy(latest, all));
  expect(await rowsOf(copy, 6)).toEqual(sorted(all));
  expect(await rowsOf(copy, 5)).toEqual(shownBy(byRevision, all)); // the change that was refused
  expect(await rowsOf(copy, 3)).toEqual(shownBy(byKey, all));
  await mustVerify(copy);
});

/** Each step of a change of mode. */
const points = [
  'commit:before-rename',
  'commit:after-rename',
  'compact:tables-written',
  'compact:switched',
  'compact:after-rename',
  'forget:table-rebuilt',
];

sampled('killed at each step, a daemon sets modes whole, and its past and rows stay exact', async () => {
  const bus = makeTestBus({ compaction: { release_grace_s: 0 } });
  await drain(bus);
  /** The model: the rows of all artifacts and the mode, after each job. */
  const model: { rows: Row[]; setting: Setting }[] = [];
  let rows: Row[] = [];
  let setting = append;
  const note = () => model.push({ rows, setting });
  const more = async () => {
    const job = model.length + 1;
    const added = ['a', 'b', `k${job}`].map((k, index) => ({ k, rev: (job * 7 + index) % 10, job }));
    await add(bus, job, added);
    rows = [...rows, ...added];
    note();
  };
  const mustBeAsTheModel = async (what: string, from: number) => {
    for (const [index, past] of [...model.entries()].slice(from))
      expect(await rowsOf(bus, index + 1), `${what}, as of ${index + 1}`).toEqual(shownBy(past.setting, past.rows));
    expect(await rowsOf(bus), what).toEqual(shownBy(setting, rows));
  };
  await more();
  const settings = [byKey, latest, byRevision, append, byRevision, byKey];
  for (const [index, point] of points.entries()) {
    await more();
    if (index % 2 === 0) await drain(bus);
    const next = settings[index] as Setting;
    const { mode, key = [], orderBy = [] } = next;
    const op = { type: 'table_set_mode' as const, table: 't', mode, key, order_by: orderBy, reason: null, by: null };
    await operateKilledAt(bus, op, point);
    setting = next;
    note();
    await mustBeAsTheModel(point, model.length - 3);
  }
  await mustVerify(bus);
  expect(await quantbotBus(bus, 'rebuild')).toMatchObject({ code: 0 });
  await mustBeAsTheModel('rebuilt', 0);
});

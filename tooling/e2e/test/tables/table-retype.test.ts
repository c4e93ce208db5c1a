import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { retypeColumn } from '@quantbot/infra/utils';
import { openCatalog, readParquet } from '@quantbot/storage';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { startHoldingReader } from '@quantbot/tooling-testing/readers';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus, testBusIn } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';
import { drain, quantbotBus, startDaemon } from '../support/daemon-process.js';
import { inEveryPlace } from '../support/every-place.js';
import { operateKilledAt, rebuildPoints } from '../support/killed-operation.js';

const add = (bus: TestBus, run: string, values: string, type = 'VARCHAR') =>
  submit(bus, {
    runId: run,
    kind: 't',
    artifactId: 't',
    schemaHint: 'canon.t',
    select: `SELECT unnest([${values}]::${type}[]) AS qty, '${run}' AS run`,
  });

async function query(bus: TestBus, sql: string, seq?: number): Promise<Record<string, unknown>[]> {
  await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  if (seq === undefined) return catalog.query(sql);
  await using past = await catalog.asOf(seq);
  return past.query(sql);
}

const columns = 'CAST(qty AS VARCHAR) AS qty, typeof(qty) AS type';
/** The values of an artifact are ordered, too: 9, 10, NULL. */
const inOrder = 'ORDER BY _seq, length(CAST(qty AS VARCHAR)), qty';

/** The values of `canon.t` in the order of their commits, and their type. */
async function shown(bus: TestBus, seq?: number): Promise<[type: string, ...values: string[]]> {
  const rows = await query(bus, `SELECT ${columns} FROM canon.t ${inOrder}`, seq);
  return [String(rows[0]?.type), ...rows.map(({ qty }) => String(qty))];
}

const typeOf = (bus: TestBus, seq?: number) =>
  query(bus, "SELECT type, fixed_by FROM catalog.columns_d WHERE table_name = 't' AND column_name = 'qty'", seq);

async function json(bus: TestBus, ...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await quantbotBus(bus, ...args, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

const mustVerify = async (bus: TestBus) =>
  expect(await quantbotBus(bus, 'verify')).toMatchObject({ code: 0, stderr: '' });

sampled('a column has the type that is set, in every place, and its past the type that it had', async () => {
  const bus = makeTestBus({ compaction: { hot_commits: 2, idle_s: 0.1, release_grace_s: 0 } });
  await drain(bus);
  await add(bus, 'r1', "'9', '10', NULL");
  await add(bus, 'r2', "'2'");
  await drain(bus);
  const reader = await startHoldingReader(bus);

  const found = { table: 't', column: 'qty', before: 'VARCHAR', to: 'BIGINT' };
  expect(await json(bus, 'table', 'retype', 'canon.T', 'qty', 'bigint')).toEqual({ applied: false, ...found });
  expect(await shown(bus)).toEqual(['VARCHAR', '9', '10', 'null', '2']);
  expect(await json(bus, 'table', 'retype', 't', 'qty', 'BIGINT', '--apply')).toEqual({
    applied: true,
    ...found,
    seq: 3,
  });
  expect(await shown(bus)).toEqual(['BIGINT', '9', '10', 'null', '2']);
  expect(await typeOf(bus)).toEqual([{ type: 'BIGINT', fixed_by: '`quantbot-bus table retype`' }]);
  expect(await shown(bus, 2)).toEqual(['VARCHAR', '9', '10', 'null', '2']);
  expect(await typeOf(bus, 2)).toEqual([{ type: 'VARCHAR', fixed_by: 'r1/tests/t/t' }]);
  expect(await reader.query('SELECT max(qty) AS max FROM canon.t')).toEqual([{ max: '9' }]);
  await reader.close();

  // Later files of the old type come in if their values fit, and so do those of the new one.
  await add(bus, 'r4', "'11'");
  await add(bus, 'r5', '12', 'INTEGER');
  const leadingZeros = await add(bus, 'r6', "'13', '007'");
  const fraction = await add(bus, 'r7', '1.5', 'DOUBLE');
  await drain(bus);
  await expect(leadingZeros.settled()).rejects.toMatchObject({
    code: 'SCHEMA_MISMATCH',
    details: [
      'qty: expected BIGINT (fixed by `quantbot-bus table retype`), found VARCHAR; the first value that is no BIGINT: 007',
    ],
    hint: expect.stringContaining('CAST("qty" AS BIGINT)'),
  });
  await expect(fraction.settled()).rejects.toMatchObject({ code: 'SCHEMA_MISMATCH' });
  const all = ['9', '10', 'null', '2', '11', '12'];
  const exported = join(bus.config.export.exportDir, 't.parquet');
  await inEveryPlace(bus, async () => {
    expect(await shown(bus)).toEqual(['BIGINT', ...all]);
    const conditions = ['qty > 9', 'qty = 11', "qty = '2'", 'qty BETWEEN 2 AND 9', 'qty IS NULL', 'qty < 2'];
    const counts = conditions.map(condition => `count_if(${condition})::INTEGER`);
    expect(await query(bus, `SELECT [${counts.join(', ')}] AS n FROM canon.t`)).toEqual([{ n: [3, 1, 1, 2, 1, 0] }]);
    expect((await readParquet(exported)).map(({ qty }) => String(qty))).toEqual(all);
    expect(await shown(bus, 4)).toEqual(['BIGINT', ...all.slice(0, 5)]);
    expect(await shown(bus, 1)).toEqual(['VARCHAR', ...all.slice(0, 3)]);
  });
  await mustVerify(bus);

  // The old type undoes it.
  const undone = await json(bus, 'table', 'retype', 't', 'qty', 'VARCHAR', '--apply');
  expect(await shown(bus)).toEqual(['VARCHAR', ...all]);
  await add(bus, 'late', "'x'");
  await add(bus, 'later', '14', 'BIGINT');
  await drain(bus);
  expect(await shown(bus)).toEqual(['VARCHAR', ...all, 'x', '14']);
  expect(await shown(bus, Number(undone.seq) - 1)).toEqual(['BIGINT', ...all]);
  const refused = await quantbotBus(bus, 'table', 'retype', 't', 'qty', 'BIGINT');
  expect(refused).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('late/tests/t/t has a value that is no BIGINT'),
  });
  expect(refused.stderr).toContain('qty: x in late/tests/t/t');
  expect(await quantbotBus(bus, 'table', 'retype', 't', 'qty', 'BIGINT', '--apply')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('qty: x in late/tests/t/t'),
  });
  await mustVerify(bus);
});

sampled('a drop leaves the type behind, a restore brings it back, and a declaration must name it', async () => {
  const bus = makeTestBus({ compaction: { release_grace_s: 0 } });
  await drain(bus);
  await add(bus, 'r1', "'1', '2'");
  await drain(bus);
  const { busRoot } = bus.config;
  const retype = (type: string, column = 'qty') => {
    const seq = retypeColumn({ table: 't', column, type, reason: 'typo', by: 'ann@lab' }, { busRoot });
    return Promise.all([seq, drain(bus)]).then(([done]) => done);
  };
  const refusal = async (type: string, column?: string) =>
    quantbotBus(bus, 'table', 'retype', 't', column ?? 'qty', type).then(({ stderr }) => stderr);
  expect(await refusal('INTEGER')).toContain('No column can be given the type INTEGER');
  expect(await refusal('VARCHAR')).toContain('has the type VARCHAR already');
  expect(await refusal('BIGINT', 'Qty')).toContain('has no column Qty');
  expect(await refusal('DATE')).toContain('qty: 1 in r1/tests/t/t');
  expect(await retype('BIGINT')).toBe(2);
  const [journalled] = await query(bus, 'SELECT op_json FROM _bus.journal WHERE seq = 2');
  expect(JSON.parse(String(journalled?.op_json))).toMatchObject({
    type: 'table_retype',
    column_type: 'BIGINT',
    reason: 'typo',
    by: 'ann@lab',
  });

  await json(bus, 'table', 'drop', 't', '--apply');
  await add(bus, 'r4', "'x'");
  await drain(bus);
  expect(await shown(bus)).toEqual(['VARCHAR', 'x']);
  const restored = await quantbotBus(bus, 'table', 'restore', 't');
  expect(restored).toMatchObject({ code: 1, stderr: expect.stringContaining('qty: x in r4/tests/t/t') });
  await json(bus, 'forget', 'r4/tests/t/t', '--rows', 'drop', '--apply', '--force');
  await add(bus, 'r7', "'7'");
  await drain(bus);
  await json(bus, 'table', 'restore', 't');
  expect(await shown(bus)).toEqual(['BIGINT', '1', '2', '7']);
  await mustVerify(bus);

  const declared = (type: string) =>
    testBusIn(bus.folder, { canon: { tables: { t: { columns: { qty: { type } } } } } });
  await expect(drain(declared('VARCHAR'))).rejects.toThrow(/declares another type/);
  await drain(declared('BIGINT'));
  await add(bus, 'r9', "'9'");
  await drain(declared('BIGINT'));
  expect(await shown(bus)).toEqual(['BIGINT', '1', '2', '7', '9']);
  expect(await refusal('VARCHAR')).toContain('Remove canon.tables.t');
});

sampled('bytes that come again are compared with the type that was set meanwhile', async () => {
  const bus = makeTestBus({ compaction: { release_grace_s: 0 } });
  await drain(bus);
  await add(bus, 'r1', "'1'");
  await add(bus, 'r2', "'x'");
  await add(bus, 'r3', "'3'");
  await add(bus, 'none', 'NULL');
  await drain(bus);
  await json(bus, 'forget', 'r2/tests/t/t', 'r3/tests/t/t', 'none/tests/t/t', '--rows', 'drop', '--apply', '--force');
  await json(bus, 'table', 'retype', 't', 'qty', 'BIGINT', '--apply');
  const [text, number] = [await add(bus, 'r2', "'x'"), await add(bus, 'r3', "'3'")];
  await drain(bus);
  await expect(text.settled()).rejects.toMatchObject({
    code: 'SCHEMA_MISMATCH',
    details: [expect.stringContaining('the first value that is no BIGINT: x')],
  });
  expect((await number.settled()).artifacts).toMatchObject([{ status: 'restored' }]);
  await json(bus, 'table', 'set-key', 't', 'qty', '--apply');
  const none = await add(bus, 'none', 'NULL');
  await drain(bus);
  await expect(none.settled()).rejects.toMatchObject({ code: 'SCHEMA_MISMATCH' });
  expect(await shown(bus)).toEqual(['BIGINT', '1', '3']);
  await mustVerify(bus);
});

sampled('a running daemon, its dataset, a backup and forgotten rows follow the type that is set', async () => {
  const bus = makeTestBus({
    compaction: { release_grace_s: 0.05 },
    export: { tables: { t: { layout: 'dataset' } } },
  });
  await drain(bus);
  await add(bus, 'r1', "'1.50', '2'");
  await add(bus, 'r2', "'0.1'");
  await drain(bus);
  const daemon = await startDaemon(bus);
  const [first] = await query(bus, "SELECT canonical_path AS path FROM catalog.artifacts_f WHERE run_id = 'r1'");
  await json(bus, 'forget', 'r1/tests/t/t', '--apply', '--force');
  // Only the compacted files have its rows from then on.
  await eventually(
    () => existsSync(String(first?.path)),
    isThere => !isThere,
  );
  const mustBecome = async (type: string, values: string[]) => {
    const files = join(bus.config.export.exportDir, 't', '**', '*.parquet');
    const dataset = `SELECT ${columns} FROM read_parquet('${files}') ${inOrder}`;
    const inDataset = async () => {
      const rows = await query(bus, dataset);
      return [String(rows[0]?.type), ...rows.map(({ qty }) => String(qty))];
    };
    for (const look of [() => shown(bus), inDataset])
      await eventually(
        () => look().catch(() => []),
        found => JSON.stringify(found) === JSON.stringify([type, ...values]),
      );
  };
  const retype = (type: string) => retypeColumn({ table: 't', column: 'qty', type }, { busRoot: bus.config.busRoot });
  await retype('DECIMAL(18,4)');
  await mustBecome('DECIMAL(18,4)', ['1.5000', '2.0000', '0.1000']);
  await retype('DOUBLE');
  await mustBecome('DOUBLE', ['1.5', '2.0', '0.1']);
  await expect(retype('BIGINT')).rejects.toMatchObject({ code: 'OPERATION_INVALID' });
  await add(bus, 'r7', "'7'");
  await mustBecome('DOUBLE', ['1.5', '2.0', '0.1', '7.0']);

  const copy = makeTestBus({ bus_root: 'copy' });
  expect(await quantbotBus(bus, 'backup', copy.config.busRoot)).toMatchObject({ code: 0, stderr: '' });
  await daemon.stop();
  await drain(copy);
  expect(await shown(copy)).toEqual(['DOUBLE', '1.5', '2.0', '0.1', '7.0']);
  await mustVerify(copy);
});

sampled('killed at each step, a daemon sets types whole, and its past and rows stay exact', async () => {
  const bus = makeTestBus({ compaction: { release_grace_s: 0 } });
  await drain(bus);
  /** The values and the type after each job. */
  const model: { values: number[]; type: string }[] = [];
  let values: number[] = [];
  let type = 'VARCHAR';
  const note = () => model.push({ values, type });
  const printed = ({ values, type }: (typeof model)[number]) => [
    type,
    ...values.map(value => (type === 'DOUBLE' ? `${value}.0` : String(value))),
  ];
  const more = async (fileType: string) => {
    const value = model.length + 1;
    await add(bus, `r${value}`, fileType === 'VARCHAR' ? `'${value}'` : String(value), fileType);
    values = [...values, value];
    note();
  };
  const mustBeAsTheModel = async (what: string, from: number) => {
    for (const [index, past] of [...model.entries()].slice(from))
      expect(await shown(bus, index + 1), `${what}, as of ${index + 1}`).toEqual(printed(past));
    expect(await shown(bus), what).toEqual(printed({ values, type }));
  };
  await more('VARCHAR');
  const types = ['BIGINT', 'DOUBLE', 'VARCHAR', 'DOUBLE', 'BIGINT'];
  for (const [index, point] of rebuildPoints.entries()) {
    await more('VARCHAR');
    if (index % 2 === 0) await drain(bus);
    const next = types[index] as string;
    const op = { type: 'table_retype' as const, table: 't', column: 'qty', column_type: next, reason: null, by: null };
    await operateKilledAt(bus, op, point);
    type = next;
    note();
    await mustBeAsTheModel(point, model.length - 3);
  }
  await mustVerify(bus);
  expect(await quantbotBus(bus, 'rebuild')).toMatchObject({ code: 0 });
  await mustBeAsTheModel('rebuilt', 0);
});

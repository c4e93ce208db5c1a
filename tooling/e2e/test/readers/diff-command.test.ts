import { join } from 'node:path';
import { diffArtifacts } from '@quantbot/duckdb-process/diff';
import { openCatalog } from '@quantbot/storage';
import { submit } from '@quantbot/tooling-testing/submit';
import { sharedFolder } from '@quantbot/tooling-testing/temporary-folder';
import { type TestBus, testBusIn } from '@quantbot/tooling-testing/test-bus';
import { beforeAll, expect, test } from 'vitest';
import { drain, quantbotBus } from '../support/daemon-process.js';

const runs = {
  base: "SELECT * FROM (VALUES (1, 'a', 1.5), (2, 'b', 2.5), (2, 'b', 2.5), (3, NULL, 'nan'::DOUBLE)) t(id, name, price)",
  shuffled:
    "SELECT * FROM (VALUES (3, NULL, 'nan'::DOUBLE), (2, 'b', 2.5), (1, 'a', 1.5), (2, 'b', 2.5)) t(id, name, price)",
  changed: "SELECT * FROM (VALUES (1, 'a', 1.75::DOUBLE), (2, 'b', 2.5), (4, 'd', 4.0)) t(id, name, price)",
  columns: "SELECT id::BIGINT AS id, name, 'x' AS more FROM (VALUES (1, 'a'), (2, 'b')) t(id, name)",
  nanos: "SELECT 1 AS id, TIMESTAMP_NS '2026-01-01 00:00:00.000000001' AS ts",
  'nanos-later': "SELECT 1 AS id, TIMESTAMP_NS '2026-01-01 00:00:00.000000002' AS ts",
};
type Run = keyof typeof runs;

let bus: TestBus;
beforeAll(async () => {
  const { folder, remove } = sharedFolder();
  bus = testBusIn(folder);
  await drain(bus);
  for (const [runId, select] of Object.entries(runs))
    await submit(bus, { runId, select, kind: 'rows', artifactId: 'a', meta: { run: runId, same: [1] } });
  await drain(bus);
  return remove;
});

const keyOf = (run: Run) => `${run}/tests/rows/a`;

async function diffOf(left: Run, right: Run, ...key: string[]) {
  await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  const [a] = await catalog.artifacts({ key: keyOf(left) });
  const [b] = await catalog.artifacts({ key: keyOf(right) });
  if (a === undefined || b === undefined) throw new Error('an artifact is missing');
  return diffArtifacts(a, b, { key, limit: 10, memoryMb: 512, spillFolder: join(bus.folder, 'diff-spill') });
}

test('an artifact is equal to itself, and to one with the same rows in another order', async () => {
  expect(await diffOf('base', 'base')).toMatchObject({ sameBytes: true, equal: true, meta: {}, cut: [] });
  const diff = await diffOf('base', 'shuffled');
  expect(diff).toMatchObject({ sameBytes: false, equal: true, rows: { leftRows: 4, rightRows: 4 } });
  expect(diff.meta).toEqual({ run: { left: 'base', right: 'shuffled' } });
});

test('rows are told apart as many times as they are there, and by a key as changed ones', async () => {
  const without = await diffOf('base', 'changed');
  expect(without.rows).toMatchObject({ onlyInLeft: { rows: 3 }, onlyInRight: { rows: 2 }, changed: null });
  const { rows } = await diffOf('base', 'changed', 'ID');
  expect(rows.changed).toEqual({
    rows: 1,
    shown: [{ key: { id: 1 }, columns: { price: { left: 1.5, right: 1.75 } } }],
  });
  expect(rows.onlyInLeft.shown.map(({ id }) => id)).toEqual([2, 3]);
  expect(rows.onlyInRight.shown.map(({ id }) => id)).toEqual([4]);
  await expect(diffOf('base', 'changed', 'nothing')).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
});

test('columns that one of them lacks, and other types, are named', async () => {
  const { schema, equal } = await diffOf('base', 'columns');
  expect(equal).toBe(false);
  expect(schema).toEqual({
    onlyInLeft: [{ name: 'price', type: 'DOUBLE' }],
    onlyInRight: [{ name: 'more', type: 'VARCHAR' }],
    types: [{ name: 'id', left: 'INTEGER', right: 'BIGINT' }],
  });
});

test('a nanosecond is a difference', async () => {
  expect(await diffOf('nanos', 'nanos-later')).toMatchObject({ equal: false, rows: { onlyInLeft: { rows: 1 } } });
});

test('the command takes keys, the newest of a kind, and says by its exit code whether they differ', async () => {
  const same = await quantbotBus(bus, 'diff', keyOf('base'), keyOf('shuffled'));
  expect(same.code).toBe(0);
  expect(same.stdout).toContain('The files differ, and the rows are equal: 4.');
  expect(same.stdout).toContain('meta.run: "base" → "shuffled"');
  const other = await quantbotBus(bus, 'diff', keyOf('base'), 'tests/rows', '--json');
  expect(other.code).toBe(2);
  expect(JSON.parse(other.stdout)).toMatchObject({ left: keyOf('base'), right: keyOf('nanos-later'), equal: false });
  const missing = await quantbotBus(bus, 'diff', keyOf('base'), 'no/such/key/there');
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('ARTIFACT_NOT_FOUND') });
});

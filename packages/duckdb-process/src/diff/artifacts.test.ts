import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSelect } from '@quantbot/tooling-testing/parquet';
import { expect, onTestFinished, test } from 'vitest';
import { diffArtifacts, type Side } from './artifacts.js';
import { describeDiff } from './describe.js';

const options = { limit: 10, memoryMb: 256, spillFolder: join(tmpdir(), `diff-spill-${process.pid}`) };

const diffOf = (left: Side, right: Side, ...key: string[]) => diffArtifacts(left, right, { ...options, key });

/** Replaces a value of 8 bytes in the footer of a file, where it is a minimum or maximum. */
function lie(path: string, value: bigint, about: bigint): void {
  const bytes = readFileSync(path);
  const [from, to] = [value, about].map(n => Buffer.from(new BigInt64Array([n]).buffer)) as [Buffer, Buffer];
  const footer = bytes.length - 8 - bytes.readInt32LE(bytes.length - 8);
  const places: number[] = [];
  for (let at = bytes.indexOf(from, footer); at > 0; at = bytes.indexOf(from, at + 8)) places.push(at);
  expect(places).not.toEqual([]);
  for (const at of places) to.copy(bytes, at);
  writeFileSync(path, bytes);
}

test('statistics that lie hide no difference, and change no value', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'diff-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const artifact = async (key: string, x: string) => {
    const path = await writeSelect(folder, `SELECT unnest([${x}])::BIGINT AS x, 'b' AS y`);
    return { key, path, forgottenAt: null, sha256: key, schema: [], meta: null, provenance: null } as never;
  };
  const left: Side = await artifact('left', '1, 2, 777777');
  const right: Side = await artifact('right', '1, 2, 777776');
  lie(left.path, 777_777n, 3n);
  lie(right.path, 777_776n, 3n);
  const { equal, rows } = await diffOf(left, right);
  expect(equal).toBe(false);
  expect([rows.onlyInLeft.shown, rows.onlyInRight.shown]).toEqual([
    [{ x: '777777', y: 'b' }],
    [{ x: '777776', y: 'b' }],
  ]);
  const same = await diffOf(left, left, 'x');
  expect([same.equal, same.rows.leftRows]).toEqual([true, 3]);
});

test('-0.0 is not 0.0, at any depth, and NaN is NaN', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'diff-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const artifact = async (zero: string) => {
    const path = await writeSelect(
      folder,
      `SELECT 1 AS k, ${zero}::DOUBLE AS x, [{a: 'NaN'::FLOAT, b: ${zero}::FLOAT}] AS y`,
    );
    return { key: zero, path, forgottenAt: null, sha256: zero, schema: [], meta: null, provenance: null } as never;
  };
  const [left, right] = [await artifact("'-0.0'"), await artifact('0.0')];
  const { equal, rows } = await diffOf(left, right);
  expect([equal, rows.onlyInLeft.rows, rows.onlyInRight.rows]).toEqual([false, 1, 1]);
  expect([rows.onlyInLeft, rows.onlyInRight].map(({ shown: [row] }) => row?.x)).toEqual([-0, 0]);
  expect([rows.onlyInLeft, rows.onlyInRight].map(({ shown: [row] }) => row?.y)).toEqual([
    [{ a: 'NaN', b: -0 }],
    [{ a: 'NaN', b: 0 }],
  ]);
  const keyed = await diffOf(left, right, 'k');
  expect(keyed.rows.changed?.rows).toBe(1);
  expect(Object.keys(keyed.rows.changed?.shown[0]?.columns ?? {})).toEqual(['x', 'y']);
  expect(keyed.rows.changed?.shown[0]?.columns.x).toEqual({ left: -0, right: 0 });
  expect((await diffOf(left, left)).equal).toBe(true);
});

test('values of a VARIANT that have different types differ, as values and as keys', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'diff-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const artifact = async (key: string, values: string): Promise<Side> => {
    const path = await writeSelect(folder, `SELECT k, v::VARIANT AS v FROM (VALUES ${values}) t(k, v)`);
    return { key, path, forgottenAt: null, sha256: key, schema: [], meta: null, provenance: null };
  };
  const all = (one: string) => `(1, ${one}::VARIANT), (2, [1]::VARIANT), (3, DATE '2026-01-02'::VARIANT), (4, NULL)`;
  const [left, right] = [await artifact('left', all('1')), await artifact('right', all("'1'"))];
  const { rows, equal } = await diffOf(left, right, 'k');
  expect([equal, rows.changed?.rows, rows.onlyInLeft.rows, rows.onlyInRight.rows]).toEqual([false, 1, 0, 0]);
  expect(rows.changed?.shown[0]).toMatchObject({ key: { k: 1 }, columns: { v: {} } });
  const byVariant = await diffOf(left, right, 'v');
  expect([byVariant.rows.changed?.rows, byVariant.rows.onlyInLeft.rows, byVariant.rows.onlyInRight.rows]).toEqual([
    0, 1, 1,
  ]);
  expect((await diffOf(left, left, 'v')).equal).toBe(true);
});

test('columns are paired as DuckDB compares names: only the case of ASCII letters is ignored', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'diff-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const artifact = async (key: string, select: string) => {
    const path = await writeSelect(folder, select);
    const schema = [...select.matchAll(/"(.)"/g)].map(([, name]) => ({ name, type: 'INTEGER' }));
    return { key, path, forgottenAt: null, sha256: key, schema, meta: null, provenance: null } as never;
  };
  const left: Side = await artifact('left', 'SELECT 1 AS "É", 2 AS "é", 3 AS "Z"');
  const right: Side = await artifact('right', 'SELECT 1 AS "é", 2 AS "É", 4 AS "z"');
  const { schema, rows } = await diffOf(left, right, 'É', 'é');
  expect(schema).toEqual({ onlyInLeft: [], onlyInRight: [], types: [] });
  expect([rows.onlyInLeft.rows, rows.onlyInRight.rows, rows.changed?.rows]).toEqual([1, 1, 0]);
  const swapped = await artifact('swapped', 'SELECT 2 AS "é", 1 AS "É", 4 AS "z"');
  expect((await diffOf(left, swapped, 'É')).rows.changed?.shown).toEqual([
    { key: { É: 1 }, columns: { Z: { left: 3, right: 4 } } },
  ]);
});

test('artifacts without a common column differ in each row', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'diff-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const artifact = async (key: string, select: string): Promise<Side> => {
    const path = await writeSelect(folder, select);
    return { key, path, forgottenAt: null, sha256: key, schema: [], meta: null, provenance: null };
  };
  const [left, right] = [
    await artifact('left', 'SELECT 1 AS x'),
    await artifact('right', "SELECT 'a' AS y FROM range(2)"),
  ];
  const { equal, schema, rows } = await diffOf(left, right);
  expect([equal, schema.onlyInLeft.length, schema.onlyInRight.length]).toEqual([false, 1, 1]);
  expect(rows).toMatchObject({ leftRows: 1, rightRows: 2, onlyInLeft: { rows: 1 }, onlyInRight: { rows: 2 } });
});

test.each(['SIDE', 'value1', '_quantbot_file_of_row', '__proto__'])(
  'a column named %s is compared like any other',
  async name => {
    const folder = mkdtempSync(join(tmpdir(), 'diff-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const column = `AS "${name.replaceAll('"', '""')}"`;
    const artifact = async (value: string): Promise<Side> => {
      const path = await writeSelect(folder, `SELECT ${value} ${column}, 7 AS k, ${value}::DOUBLE AS x`);
      return { key: value, path, forgottenAt: null, sha256: value, schema: [], meta: null, provenance: null };
    };
    const [zero, one] = [await artifact('0'), await artifact('1')];
    expect((await diffOf(zero, zero)).equal).toBe(true);
    const { rows } = await diffOf(zero, one);
    expect([rows.onlyInLeft, rows.onlyInRight]).toEqual([
      {
        rows: 1,
        shown: [
          Object.fromEntries([
            [name, 0],
            ['k', 7],
            ['x', 0],
          ]),
        ],
      },
      {
        rows: 1,
        shown: [
          Object.fromEntries([
            [name, 1],
            ['k', 7],
            ['x', 1],
          ]),
        ],
      },
    ]);
    const both = { left: 0, right: 1 };
    const columns = Object.fromEntries([
      [name, both],
      ['x', both],
    ]);
    expect((await diffOf(zero, one, 'k')).rows.changed).toEqual({ rows: 1, shown: [{ key: { k: 7 }, columns }] });
  },
);

test('a field of `meta` may have the name of a method, and one side may lack it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'diff-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = await writeSelect(folder, 'SELECT 1 AS x');
  const side = (meta: string) =>
    ({ key: meta, path, forgottenAt: null, sha256: 'a', schema: [], meta: JSON.parse(meta), provenance: null }) as Side;
  const names = ['constructor', 'toString', '__proto__'];
  const diff = await diffOf(side(JSON.stringify(Object.fromEntries(names.map(name => [name, 1])))), side('{"a": 1}'));
  expect(Object.entries(structuredClone(diff.meta))).toEqual([
    ...names.map(name => [name, { left: 1, right: undefined }]),
    ['a', { left: undefined, right: 1 }],
  ]);
  expect(describeDiff(diff)).toContain('meta.toString: 1 → (none)');
});

test('rows that take more memory than the limit are an error that says which limit', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'diff-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const artifact = async (key: string) => {
    const path = await writeSelect(folder, `SELECT repeat('y', 40_000_000) || '${key}' AS text`);
    return { key, path, forgottenAt: null, sha256: key, schema: [], meta: null, provenance: null } as never;
  };
  const diff = diffArtifacts(await artifact('left'), await artifact('right'), { ...options, key: [], memoryMb: 16 });
  await expect(diff).rejects.toMatchObject({
    code: 'WORKER_MEMORY',
    message: 'To compare left with right takes more memory than the limit of 16 MB.',
  });
});

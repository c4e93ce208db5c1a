import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tableModeNames } from '@quantbot/infra/config';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MemoryDatabase, openMemoryDatabase, query } from '../duckdb.js';
import { literal } from '../sql.js';
import { modes, shownBeside, shownInOrder, shownRows, shownStreamed } from './modes.js';

let database: MemoryDatabase;
let folder: string;
beforeAll(async () => {
  database = await openMemoryDatabase({ memoryMb: 256, threads: 1 });
  folder = mkdtempSync(join(tmpdir(), 'quantbot-modes-'));
});
afterAll(() => {
  database.close();
  rmSync(folder, { recursive: true });
});

const jobs = 4;

/** Rows of jobs with two artifacts each. Keys repeat, and versions have ties and NULLs. */
const came = (from: number, to: number): string =>
  `SELECT s AS _seq, o AS _ordinal, r AS _row, 'run/p/k/' || s || '-' || o AS _artifact_key, (s * 7 + o * 5 + r * 3) % 4 AS k,
     CASE (s + r) % 3 WHEN 0 THEN NULL ELSE (s * o) % 2 END AS version
   FROM range(${from}, ${to + 1}) jobs(s), range(2) files(o), range(3) numbers(r)`;

async function rowsOf(sql: string): Promise<string[]> {
  const rows = await query(database.connection, `SELECT * FROM (${sql}) ORDER BY _seq, _ordinal, _row`);
  return rows.map(row => Object.values(row).join(' '));
}

describe.each(tableModeNames)('%s', mode => {
  const columns = ['k', 'version'].map(name => ({ name, type: 'BIGINT' }));
  const table = { mode, key: ['k'], orderBy: ['version'], columns };
  const shown = (rows: string, newestSeq = jobs) => shownRows(table, rows, String(newestSeq));

  test('what is shown of the shown rows, or of parts first and then of their union, is the same', async () => {
    const expected = await rowsOf(shown(came(1, jobs)));
    expect(expected.length).toBeGreaterThan(0);
    expect(await rowsOf(shown(shown(came(1, jobs))))).toEqual(expected);
    for (let split = 1; split < jobs; split++) {
      const parts = [shown(came(1, split), split), shown(came(split + 1, jobs))];
      expect(await rowsOf(shown(parts.join(' UNION ALL ')))).toEqual(expected);
    }
  });

  test('what is shown of a compacted file and other rows is what is shown of all', async () => {
    const expected = await rowsOf(shown(came(1, jobs)));
    for (let split = 1; split < jobs; split++) {
      const compacted = shown(came(1, split), split);
      expect(await rowsOf(shownBeside(table, compacted, came(split + 1, jobs), String(jobs)))).toEqual(expected);
      const none = `SELECT * FROM (${compacted}) WHERE false`;
      expect(await rowsOf(shownBeside(table, none, came(1, jobs), String(jobs)))).toEqual(expected);
      const noOthers = `SELECT * FROM (${came(1, jobs)}) WHERE false`;
      expect(await rowsOf(shownBeside(table, shown(came(1, jobs)), noOthers, String(jobs)))).toEqual(expected);
    }
  });

  test('streamed, the same rows come in the same order', async () => {
    const file = join(folder, `${mode}-ordered.parquet`);
    await database.connection.run(`COPY (${came(1, jobs)} ORDER BY s, o, r) TO ${literal(file)} (FORMAT parquet)`);
    const [rows, newest] = [`FROM read_parquet(${literal(file)})`, String(jobs)];
    const inOrder = await query(database.connection, shownInOrder(table, rows, newest));
    const { setup, sql } = shownStreamed(table, rows, newest);
    for (const statement of setup) await database.connection.run(statement);
    expect(await query(database.connection, sql)).toEqual(inOrder);
  });

  test('it shows every row if it says so', async () => {
    const all = await rowsOf(came(1, jobs));
    expect((await rowsOf(shown(came(1, jobs)))).join() === all.join()).toBe(modes[mode].showsEveryRow);
  });

  test('it only grows if it says so', async () => {
    let stays = true;
    let before: string[] = [];
    for (let newest = 1; newest <= jobs; newest++) {
      const after = await rowsOf(shown(came(1, newest), newest));
      stays &&= before.every(row => after.includes(row));
      before = after;
    }
    expect(stays).toBe(modes[mode].onlyGrows);
  });

  test('it reads the newest job alone if it says so', async () => {
    const all = await rowsOf(shown(came(1, jobs)));
    const newest = await rowsOf(shown(came(jobs, jobs)));
    expect(newest.join() === all.join()).toBe(modes[mode].onlyNewestJob);
  });

  test('verification expects what is shown, and finds when rows are lost', async () => {
    const file = join(folder, `${mode}.parquet`);
    const withNull = `SELECT * REPLACE (nullif(k, 3) AS k) FROM (${came(1, jobs)})`;
    await database.connection.run(`COPY (SELECT k FROM (${withNull})) TO ${literal(file)}`);
    const count = async (from: string) =>
      Number((await query(database.connection, `SELECT count(*) AS n ${from}`))[0]?.n);
    const artifacts = {
      rows: await count(`FROM (${came(1, jobs)})`),
      newest: { seq: jobs, rows: await count(`FROM (${came(jobs, jobs)})`) },
      sound: [file],
      isHurt: false,
    };
    const key = [{ name: 'k', type: 'BIGINT' }];
    const problemOf = (view: string) => modes[mode].problem({ view: `(${view})`, key, count }, artifacts, jobs);
    expect(await problemOf(shown(withNull))).toBeUndefined();
    for (const lost of ['k <> 0', 'k IS NOT NULL'])
      expect(await problemOf(`SELECT * FROM (${shown(withNull)}) WHERE ${lost}`), lost).toMatch(/rows|keys/);
  });
});

const floats = [
  ['DOUBLE', `'-0.0'::DOUBLE`, `'0.0'::DOUBLE`],
  ['FLOAT', `'-0.0'::FLOAT`, `'0.0'::FLOAT`],
  ['DOUBLE[]', `['-0.0'::DOUBLE]`, `['0.0'::DOUBLE]`],
  ['STRUCT(a DOUBLE)', `{'a': '-0.0'::DOUBLE}`, `{'a': '0.0'::DOUBLE}`],
  ['MAP(VARCHAR, FLOAT)', `MAP {'a': '-0.0'::FLOAT}`, `MAP {'a': '0.0'::FLOAT}`],
] as const;

test.each(floats)(
  '-0.0 keeps its sign in a key and an order of %s, and is the same key as 0.0',
  async (type, minus, plus) => {
    const columns = ['K', 'version'].map(name => ({ name, type }));
    const table = { mode: 'upsert', key: ['k'], orderBy: ['version'], columns } as const;
    const rows = [plus, minus].map(
      (value, n) => `SELECT ${value} AS "K", ${value} AS version, ${n} AS _seq, 0 AS _ordinal, 0 AS _row`,
    );
    const shown = await query(
      database.connection,
      `SELECT K::VARCHAR AS k, version::VARCHAR AS version, _seq FROM (${shownRows(table, rows.join(' UNION ALL '), '1')})`,
    );
    expect(shown).toHaveLength(1);
    expect(shown[0]).toMatchObject({ k: expect.stringContaining('-0.0'), version: expect.stringContaining('-0.0') });
  },
);

/** Values whose equality is not that of their bits. */
const strange = [`'-0.0'`, `'0.0'`, `'NaN'`, `'-NaN'`, 'NULL', `'1'`];

test.each([
  ['DOUBLE', (value: string) => `${value}::DOUBLE`],
  ['FLOAT', (value: string) => `${value}::FLOAT`],
  ['DOUBLE[]', (value: string) => `[${value}::DOUBLE]`],
  ['STRUCT(a DOUBLE)', (value: string) => `{'a': ${value}::DOUBLE}`],
  ['VARCHAR', (value: string) => `${value}::VARCHAR`],
])('beside a compacted file a key of %s is the same as without it, and keeps its bits', async (type, of) => {
  const columns = [
    { name: 'k', type },
    { name: 'l', type },
  ];
  const table = { mode: 'upsert', key: ['k', 'l'], orderBy: [], columns } as const;
  const rows = (seq: number, values: readonly string[]) =>
    values
      .flatMap(k => values.map(l => [k, l]))
      .map(
        ([k, l], n) =>
          `SELECT ${of(k as string)} AS k, ${of(l as string)} AS l, ${seq} AS _seq, 0 AS _ordinal, ${n} AS _row`,
      )
      .join(' UNION ALL ');
  const bits = async (sql: string) => rowsOf(`SELECT * REPLACE (k::VARCHAR AS k, l::VARCHAR AS l) FROM (${sql})`);
  const [old, middle, young] = [rows(1, strange), rows(2, strange.slice(1, 4)), rows(3, strange.slice(3))];
  const expected = await bits(shownRows(table, [old, middle, young].join(' UNION ALL '), '3'));
  const others = `${middle} UNION ALL ${young}`;
  expect(await bits(shownBeside(table, shownRows(table, old, '1'), others, '3'))).toEqual(expected);
  const newer = shownRows(table, others, '3');
  expect(await bits(shownBeside(table, newer, old, '3'))).toEqual(expected);
});

test('a condition on a key that is no float is applied to the files', async () => {
  const table = {
    mode: 'upsert',
    key: ['k'],
    orderBy: ['x'],
    columns: [
      { name: 'k', type: 'BIGINT' },
      { name: 'x', type: 'DOUBLE' },
    ],
  } as const;
  const rows = 'SELECT range AS k, 0.5::DOUBLE AS x, 1 AS _seq, 0 AS _ordinal, range AS _row FROM range(10)';
  const plan = await query(database.connection, `EXPLAIN SELECT * FROM (${shownRows(table, rows, '1')}) WHERE k = 5`);
  const text = String(plan[0]?.explain_value);
  expect(text.indexOf('FILTER')).toBeGreaterThan(-1);
  expect(text.lastIndexOf('FILTER')).toBeGreaterThan(text.indexOf('WINDOW'));
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tableModeNames } from '@quantbot/infra/config';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MemoryDatabase, openMemoryDatabase, query } from '../duckdb.js';
import { literal } from '../sql.js';
import { modes, shownRows } from './modes.js';

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
  const table = { mode, key: ['k'], orderBy: ['version'] };
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
    await database.connection.run(`COPY (SELECT k FROM (${came(1, jobs)})) TO ${literal(file)}`);
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
    expect(await problemOf(shown(came(1, jobs)))).toBeUndefined();
    expect(await problemOf(`SELECT * FROM (${shown(came(1, jobs))}) WHERE k <> 0`)).toMatch(/rows|keys/);
  });
});

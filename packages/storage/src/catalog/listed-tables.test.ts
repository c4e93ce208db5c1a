import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runIn } from '../../test/support/database.js';
import { temporaryFolder } from '../../test/support/folder.js';
import { openListedTables } from './listed-tables.js';

/**
 * A published database with tables whose rows are all in `hot/`.
 *
 * @param position of compaction, as the views name it.
 */
async function published(
  tables: readonly string[],
  position: 'in a macro' | 'in the view' = 'in a macro',
  compacted = 0,
): Promise<{ path: string; hot: string }> {
  const root = temporaryFolder();
  const [path, hot] = [join(root, 'alerts.duckdb'), join(root, 'hot')];
  const here = `'${hot}/${compacted}/~'`;
  const after = position === 'in a macro' ? '_bus.compacted()' : here;
  const views = tables.flatMap(table => [
    `CREATE VIEW _rows.${table} AS SELECT f.n, j.seq AS _seq, 0 AS _row
       FROM read_parquet(_bus.hot_files('', ['${hot}/*/${table}~0~*.parquet']), schema = MAP {'n': {name: 'n', type: 'BIGINT', default_value: NULL}}, filename = true) f
       JOIN _bus.hot_journal j ON f.filename LIKE '%/' || j.seq || '/%' WHERE filename > ${after}`,
    `CREATE VIEW canon.${table} AS SELECT * EXCLUDE (_row) FROM _rows.${table}`,
  ]);
  for (const table of tables) await commit(hot, 1, `${table}~0~1.parquet`);
  await runIn(
    path,
    ...['_bus', '_rows', 'canon'].map(schema => `CREATE SCHEMA ${schema}`),
    'CREATE MACRO _bus.hot_files(empty, globs) AS globs',
    `CREATE MACRO _bus.compacted() AS ${here}`,
    'CREATE VIEW _bus.here AS SELECT true AS _bus_is_here',
    'CREATE VIEW _bus.hot_journal AS SELECT unnest([1, 2]) AS seq',
    'CREATE VIEW _bus.journal AS SELECT * FROM _bus.hot_journal',
    ...views,
  );
  return { path, hot };
}

async function commit(hot: string, seq: number, name: string): Promise<void> {
  const folder = join(hot, String(seq));
  mkdirSync(folder, { recursive: true });
  await runIn(':memory:', `COPY (SELECT ${seq} AS n) TO '${join(folder, name)}' (FORMAT parquet)`);
}

test('tables have the commits that were there when they were opened, and only files that the database reads', async () => {
  const { path, hot } = await published(['t', 'u']);
  await commit(hot, 2, 't~0~2.parquet');
  await commit(hot, 2, 't~1~2.parquet'); // a newer database reads it
  const { database, withTable } = await openListedTables(path, hot);
  const rows = (table: string) =>
    withTable(table, () => database.query(`SELECT n, _seq FROM canon.${table} ORDER BY n`));
  expect(await rows('t')).toEqual([
    { n: 1, _seq: 1 },
    { n: 2, _seq: 2 },
  ]);
  await commit(hot, 2, 'u~0~2.parquet');
  expect(await rows('u')).toEqual([{ n: 1, _seq: 1 }]);
  await expect(database.query('SELECT * FROM canon.u')).rejects.toMatchObject({ code: 'QUERY_FAILED' });
  await database.close();
});

test.each(['in a macro', 'in the view'] as const)(
  'a commit that the database does not need may be deleted while its tables are read (position %s)',
  async position => {
    const { path, hot } = await published(['t'], position, 1);
    await commit(hot, 2, 't~0~2.parquet');
    const { database, withTable } = await openListedTables(path, hot);
    rmSync(join(hot, '1'), { recursive: true });
    expect(await withTable('t', () => database.query('SELECT n, _seq FROM canon.t'))).toEqual([{ n: 2, _seq: 2 }]);
    await database.close();
  },
);

test('a table that cannot be read is an error with a code, and the next one can be read', async () => {
  const { path, hot } = await published(['t', 'u']);
  const { database, withTable } = await openListedTables(path, hot);
  const count = (table: string) => withTable(table, () => database.query(`SELECT count(*) AS n FROM canon.${table}`));
  await runIn(':memory:', `COPY (SELECT 'x' AS n) TO '${hot}/1/t~0~1.parquet' (FORMAT csv)`);
  await expect(count('t')).rejects.toMatchObject({ code: expect.stringMatching(/^(QUERY|READ)_FAILED$/) });
  expect(await count('u')).toEqual([{ n: 1 }]);
  await database.close();
});

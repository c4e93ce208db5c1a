import { expect, test } from 'vitest';
import { openMemoryDatabase, query } from '../duckdb.js';
import { TableNames } from './table-names.js';

/** `trades` became `trades_old` with job 4, and `trades_v2` became `trades` with job 6. */
const swapped = TableNames.none
  .with({ seq: 4, name: 'trades_old', table: 'trades' })
  .with({ seq: 6, name: 'trades', table: 'trades_v2' });

test('without a rename each hint leads to the table of its name, and each table has its first one', () => {
  expect(TableNames.none.tableOf('canon.Trades')).toBe('trades');
  expect(TableNames.none.tableOf('simulation.fills')).toBeUndefined();
  expect(TableNames.none.tableOf(null)).toBeUndefined();
  expect(TableNames.none.nameOf('trades')).toBe('trades');
  expect(TableNames.none.tableNamed('trades')).toBe('trades');
  expect(TableNames.none.areFirst).toBe(true);
});

test('a hint leads to the table that had got its name before the artifact', () => {
  const at = (hint: string, seq: number) => swapped.tableOf(`canon.${hint}`, seq);
  expect([3, 5, 7].map(seq => at('trades', seq))).toEqual(['trades', 'trades', 'trades_v2']);
  expect([3, 5].map(seq => at('trades_old', seq))).toEqual(['trades_old', 'trades']);
  expect(at('trades_v2', 7)).toBe('trades_v2');
  expect(swapped.tableOf('canon.TRADES')).toBe('trades_v2');
  expect(['trades', 'trades_v2'].map(table => swapped.nameOf(table))).toEqual(['trades_old', 'trades']);
  expect(['trades', 'trades_old', 'trades_v2'].map(name => swapped.tableNamed(name))).toEqual([
    'trades_v2',
    'trades',
    undefined,
  ]);
  expect(swapped.before(6).tableNamed('trades')).toBeUndefined();
  expect(swapped.before(7).tableNamed('trades')).toBe('trades_v2');
  expect(swapped.givenAt('trades')).toBe(6);
  expect(swapped.givenAt('trades_v2')).toBe(0);
});

test('a table that is renamed back has its first name, and its other one still leads to it', () => {
  const back = TableNames.none
    .with({ seq: 2, name: 'alerts', table: 'alrets' })
    .with({ seq: 3, name: 'alrets', table: 'alrets' });
  expect(back.nameOf('alrets')).toBe('alrets');
  expect(back.tableNamed('alrets')).toBe('alrets');
  expect(back.tableNamed('alerts')).toBeUndefined();
  expect(back.tableOf('canon.alerts', 9)).toBe('alrets');
});

test('SQL and ranges of hints say the same as the names', async () => {
  const names = swapped.with({ seq: 8, name: 'fills', table: 'trades_v2' });
  const hints = ['trades', 'Trades_Old', 'trades_v2', 'fills', 'other'].map(name => `canon.${name}`);
  const rows = hints.flatMap(hint => [1, 5, 7, 9].map(seq => ({ hint, seq })));
  const database = await openMemoryDatabase({ memoryMb: 128, threads: 1 });
  const values = rows.map(({ hint, seq }) => `('${hint}', ${seq})`).join(', ');
  const found = await query<{ first: string; shown: string }>(
    database.connection,
    `SELECT ${names.tableSql()} AS first, ${names.shownSql()} AS shown FROM (VALUES ${values}) v(schema_hint, seq)`,
  );
  database.close();
  const expected = rows.map(({ hint, seq }) => names.tableOf(hint, seq) as string);
  expect(found).toEqual(expected.map(first => ({ first, shown: names.nameOf(first) })));
  const ranges = ['trades', 'trades_old', 'trades_v2', 'fills', 'other'].flatMap(table =>
    names.hintsOf(table).map(range => ({ table, ...range })),
  );
  const byRange = rows.map(({ hint, seq }) =>
    ranges.filter(range => range.hint === hint.toLowerCase() && seq > range.after && seq <= range.upTo),
  );
  expect(byRange.map(found => found.map(({ table }) => table))).toEqual(expected.map(table => [table]));
});

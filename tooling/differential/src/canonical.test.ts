import { DuckDBInstance } from '@duckdb/node-api';
import { expect, test } from 'vitest';
import { floatOf, floatText, named } from './canonical.js';
import { duckDbDate, isoDate, timeText } from './expected/dates.js';
import { queryColumns } from './from-duckdb.js';

test('a float keeps every bit but the sign of NaN', () => {
  expect(floatText(-0)).toBe('f:8000000000000000');
  for (const value of [-0, 5e-324, 0.1, Number.NEGATIVE_INFINITY, Number.NaN])
    expect(floatOf(floatText(value))).toBe(value);
});

test('names that differ by case alone, and empty ones, are those of DuckDB', () => {
  const columns = ['a', 'A', 'a_1', ''].map(name => ({ name, type: '', values: [] }));
  expect(named(columns).map(({ name }) => name)).toEqual(['a', 'A_1', 'a_1_1', 'C3']);
});

test('dates are those of DuckDB, before Christ and beyond 9999 too', async () => {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const days = [0, -1, 18_321, -719_528, -719_529, -719_893, 2_932_897, 100_000_000, -100_000_000];
  const sql = `SELECT unnest([${days.map(day => `(DATE '1970-01-01' + ${day})::DATE::VARCHAR`)}]) AS d`;
  const [column] = await queryColumns(connection, sql);
  expect(days.map(day => `s:${duckDbDate(day)}`)).toEqual(column?.values);
  connection.closeSync();
  instance.closeSync();
});

test('a year outside of 0 to 9999 has a sign and six digits', () => {
  expect(isoDate(2_932_897)).toBe('+010000-01-01');
  expect(isoDate(-719_529)).toBe('-000001-12-31');
  expect(timeText(86_400_000_000_000n)).toBe('24:00:00');
});

import { DuckDBTimeValue } from '@duckdb/node-api';
import { openMemoryDatabase, query } from '@quantbot/bus-format/duckdb';
import { expect, test } from 'vitest';
import { timeOutsideDay } from './times.js';

test.each([
  ['TIME', 't'],
  ['TIME[]', "[TIME '12:00:00', t]"],
  ['STRUCT("a ""b" STRUCT("c" TIME))', `{'a "b': {'c': t}}`],
  ['MAP(TIME, VARCHAR)', "MAP {t: 'x'}"],
  ['MAP(VARCHAR, TIME[])', "MAP {'k': [t], 'n': NULL}"],
  ['STRUCT("n" BIGINT, "l" STRUCT("t" TIME)[])', "{'n': 1, 'l': [NULL, {'t': t}]}"],
])('a time outside of a day is found in %s', async (type, value) => {
  const { connection, close } = await openMemoryDatabase({ memoryMb: 256, threads: 1 });
  await connection.run('CREATE TABLE times (t TIME)');
  const appender = await connection.createAppender('times');
  const times = [-1n, 0n, 86_400_000_000n, 86_400_000_001n];
  for (const micros of times) {
    appender.appendTime(new DuckDBTimeValue(micros));
    appender.endRow();
  }
  appender.closeSync();
  const outside = timeOutsideDay({ name: 'a "column', type });
  const rows = `SELECT ${value} AS "a ""column" FROM times UNION ALL SELECT NULL`;
  const found = await query<{ outside: boolean | null }>(connection, `SELECT ${outside} AS outside FROM (${rows})`);
  expect(found.map(row => row.outside === true)).toEqual([true, false, false, true, false]);
  close();
});

test.each(['TIMESTAMP', 'TIMESTAMP WITH TIME ZONE[]', 'STRUCT("TIME" BIGINT)'])('%s has none', type => {
  expect(timeOutsideDay({ name: 'x', type })).toBeUndefined();
});

import { expect, test } from 'vitest';
import { nameBeside } from './distinct-names.js';
import { withMemoryConnection } from './memory-instance.js';

test('a name beside the columns stands for the whole row, whatever the columns are called', async () => {
  const name = nameBeside(['_FILE', '_file_', 'a'], '_file');
  expect(name).toBe('_file__');
  const sql = `SELECT CAST(${name} AS VARCHAR) FROM (SELECT 1 AS _FILE, 2 AS _file_, 3 AS a) AS ${name}`;
  const rows = await withMemoryConnection(async connection => (await connection.runAndReadAll(sql)).getRows());
  expect(rows).toEqual([["{'_FILE': 1, '_file_': 2, 'a': 3}"]]);
});

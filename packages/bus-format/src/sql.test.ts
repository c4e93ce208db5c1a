import { fc } from '@quantbot/tooling-testing/properties';
import { expect, test } from 'vitest';
import { openMemoryDatabase, query } from './duckdb.js';
import { identifier, literal, literalList, schemaMap, selectList } from './sql.js';

const nasty = [
  "it's",
  "'; DROP TABLE t; --",
  '"quoted"',
  'back\\slash',
  'line\nbreak',
  '$1 ?',
  '☃ 😀',
  '',
  "''",
  '%_',
  'a\0',
  '\0\0it\0',
];

test('any text comes out of a literal as it went in, and nothing of it is run', async () => {
  const database = await openMemoryDatabase({ memoryMb: 64, threads: 1 });
  try {
    const check = async (texts: string[]) => {
      const [row] = await query(
        database.connection,
        `SELECT ${literalList(texts)} AS list, ${literal(texts[0] ?? '')} AS one`,
      );
      expect(row).toEqual({ list: texts, one: texts[0] ?? '' });
    };
    await check(nasty);
    const text = fc.string({ unit: 'grapheme' });
    await fc.assert(fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 5 }), check), { numRuns: 60 });
  } finally {
    database.close();
  }
});

test('any name but the empty one can be an identifier, and is that column', async () => {
  const database = await openMemoryDatabase({ memoryMb: 64, threads: 1 });
  try {
    for (const name of nasty.filter(n => n !== '' && !n.includes('\0'))) {
      await database.connection.run(`CREATE OR REPLACE TABLE t (${identifier(name)} INTEGER, other INTEGER)`);
      await database.connection.run('INSERT INTO t VALUES (1, 2)');
      expect(await query(database.connection, `SELECT ${identifier(name)} FROM t`)).toEqual([{ [name]: 1 }]);
    }
  } finally {
    database.close();
  }
});

test('a select list quotes every name and puts the prefix before each', () => {
  const columns = [
    { name: 'a', type: 'BIGINT' },
    { name: 'b"c', type: 'VARCHAR' },
  ];
  expect(selectList(columns)).toBe('"a", "b""c"');
  expect(selectList(columns, 'f')).toBe('f."a", f."b""c"');
});

test('a schema map names each column twice, with its type, and NULL where a file lacks it', () => {
  expect(schemaMap([{ name: "o'clock", type: 'TIMESTAMP' }])).toBe(
    "MAP {'o''clock': {name: 'o''clock', type: 'TIMESTAMP', default_value: NULL}}",
  );
});

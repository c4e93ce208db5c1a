import { foldName } from '@quantbot/infra/bus';
import { fc } from '@quantbot/tooling-testing/properties';
import { expect, test } from 'vitest';
import { openMemoryDatabase, query } from './duckdb.js';
import { identifier, literal, literalList, nameBeside, schemaMap, selectList } from './sql.js';

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

test('names are alike exactly if DuckDB takes them for one', async () => {
  const kelvin = '\u212a';
  const pairs = [
    ['Close', 'cLOSE'],
    ['É', 'é'],
    ['İ', 'i\u0307'],
    ['I', 'ı'],
    ['ß', 'ẞ'],
    ['Σ', 'ς'],
    [kelvin, 'k'],
    ['ſ', 's'],
    ['é', 'e\u0301'],
  ] as const;
  const database = await openMemoryDatabase({ memoryMb: 64, threads: 1 });
  try {
    const isTaken = (sql: string) =>
      database.connection.run(sql).then(
        () => false,
        () => true,
      );
    for (const [a, b] of pairs) {
      const alike = foldName(a) === foldName(b);
      const [one, other] = [identifier(a), identifier(b)];
      expect(await isTaken(`CREATE OR REPLACE TABLE t (${one} INTEGER, ${other} INTEGER)`), `${a}, ${b}`).toBe(alike);
      await database.connection.run(`CREATE OR REPLACE TABLE ${one} (n INTEGER)`);
      expect(await isTaken(`CREATE TABLE ${other} (n INTEGER)`), `tables ${a}, ${b}`).toBe(alike);
      await database.connection.run(`DROP TABLE ${one}; DROP TABLE IF EXISTS ${other}`);
    }
  } finally {
    database.close();
  }
});

test('a name beside the columns stands for the whole row, whatever the columns are called', async () => {
  expect(nameBeside(['a'])).toBe('_quantbot_file_of_row');
  const name = nameBeside(['_FILE', '_file_', 'a'], '_file');
  expect(name).toBe('_file__');
  const database = await openMemoryDatabase({ memoryMb: 64, threads: 1 });
  try {
    const sql = `SELECT CAST(${name} AS VARCHAR) AS text FROM (SELECT 1 AS _FILE, 2 AS _file_, 3 AS a) AS ${name}`;
    expect(await query(database.connection, sql)).toEqual([{ text: "{'_FILE': 1, '_file_': 2, 'a': 3}" }]);
  } finally {
    database.close();
  }
});

import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance, DuckDBTimeValue } from '@duckdb/node-api';
import { literal } from '@quantbot/bus-format/sql';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../test/support/folder.js';
import { withMemoryConnection } from '../duckdb/memory-instance.js';
import { lockDown } from '../sandbox/lock-down.js';
import { fileColumnOf } from '../types/file-types.js';
import { copyExactly } from './copy-exactly.js';

const options = 'FORMAT parquet, COMPRESSION zstd';

/**
 * Runs `work` with functions to write a SELECT, and to read the result of a SELECT as DuckDB's
 * text.
 */
const withFile = <T>(
  work: (file: {
    path: string;
    write(sql: string): Promise<number>;
    texts(sql: string): Promise<unknown>;
  }) => Promise<T>,
) =>
  withMemoryConnection((connection: DuckDBConnection) => {
    const path = join(temporaryFolder(), 'x.parquet');
    return work({
      path,
      write: sql => copyExactly(connection, { sql, path, options, readBack: true }),
      texts: async sql => (await connection.runAndReadAll(sql)).getRowsJS(),
    });
  });

const written = (sql: string, same = sql) =>
  withFile(async ({ path, write, texts }) => {
    await write(sql);
    const describe = (await texts(`DESCRIBE FROM ${literal(path)}`)) as string[][];
    return {
      types: describe.map(([, type]) => type),
      before: await texts(`SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (${same})`),
      after: await texts(`SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ${literal(path)}`),
    };
  });

/** Each type with extremes, and the type that the file has. */
const kept: [type: string, inFile: string, values: string[]][] = [
  ['BOOLEAN', 'BOOLEAN', ['true', 'false']],
  ['TINYINT', 'TINYINT', ['-128', '127']],
  ['SMALLINT', 'SMALLINT', ['-32768', '32767']],
  ['INTEGER', 'INTEGER', ['-2147483648', '2147483647']],
  ['BIGINT', 'BIGINT', ['-9223372036854775808', '9223372036854775807']],
  ['HUGEINT', 'DECIMAL(38,0)', ['9007199254740995', '9'.repeat(38), `-${'9'.repeat(38)}`, '0']],
  ['UHUGEINT', 'DECIMAL(38,0)', ['0', '9007199254740995', '9'.repeat(38)]],
  ['UTINYINT', 'UTINYINT', ['0', '255']],
  ['USMALLINT', 'USMALLINT', ['0', '65535']],
  ['UINTEGER', 'UINTEGER', ['0', '4294967295']],
  ['UBIGINT', 'UBIGINT', ['0', '18446744073709551615']],
  ['BIGNUM', 'VARCHAR', ['1'.repeat(90), '-1']],
  ['FLOAT', 'FLOAT', ['0', '-0.0', '1e-45', 'inf', '-inf', 'nan', '-nan', '3.4028235e38']],
  ['DOUBLE', 'DOUBLE', ['0', '-0.0', '5e-324', 'inf', '-inf', 'nan', '-nan', '1.7976931348623157e308']],
  ['DECIMAL(4,1)', 'DECIMAL(4,1)', ['-999.9', '0.0']],
  ['DECIMAL(18,2)', 'DECIMAL(18,2)', ['-9999999999999999.99']],
  ['DECIMAL(38,38)', 'DECIMAL(38,38)', [`-0.${'9'.repeat(38)}`, `0.${'0'.repeat(37)}1`]],
  ['VARCHAR', 'VARCHAR', ['', 'ü€😀']],
  ['JSON', 'JSON', ['{"a": [1, null]}', '"x"']],
  ['BLOB', 'BLOB', ['', '\\xFF\\x00']],
  ['BIT', 'VARCHAR', ['0', '10101']],
  ["ENUM('a', 'b')", 'VARCHAR', ['a', 'b']],
  ['UUID', 'UUID', ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff']],
  ['DATE', 'DATE', ['infinity', '-infinity', '5877642-06-25 (BC)', '5881580-07-10', '0001-01-01']],
  ['TIME', 'TIME', ['00:00:00', '23:59:59.999999', '24:00:00']],
  ['TIME_NS', 'TIME_NS', ['00:00:00.000000001', '23:59:59.999999999']],
  ['TIME WITH TIME ZONE', 'TIME WITH TIME ZONE', ['12:34:56.789+00']],
  ['TIMESTAMP_S', 'TIMESTAMP', ['290309-12-22 (BC) 00:00:00', '2026-01-31 12:00:00']],
  ['TIMESTAMP_MS', 'TIMESTAMP', ['2026-01-31 12:00:00.123']],
  ['TIMESTAMP', 'TIMESTAMP', ['infinity', '-infinity', '290309-12-22 (BC) 00:00:00', '294247-01-10 04:00:54.775806']],
  ['TIMESTAMP_NS', 'TIMESTAMP_NS', ['infinity', '1677-09-22 00:00:00', '2262-04-11 23:47:16.854775806']],
  ['TIMESTAMP WITH TIME ZONE', 'TIMESTAMP WITH TIME ZONE', ['infinity', '1900-01-01 00:00:00.000001+00']],
  ['INTERVAL', 'INTERVAL', ['00:00:00', '178956970 years 7 months 2147483647 days 1192:59:59.999']],
];

test.each(kept)(
  '%s is written as %s and gives back each value, also inside of lists, structs, maps and arrays',
  async (type, inFile, values) => {
    const list = values.map(value => `CAST(${literal(value)} AS ${type})`).join(', ');
    const select = (array: string) =>
      `SELECT x, [x, NULL] AS l, {'a': x, 'b': [{'c': x}]} AS s, MAP {'k': x, 'n': NULL} AS m, ${array} AS a FROM (SELECT unnest([${list}, NULL]) AS x)`;
    const { types, before, after } = await written(select(`CAST([x, x] AS ${type}[2])`), select('[x, x]'));
    expect(after).toEqual(before);
    expect(types).toEqual([
      inFile,
      `${inFile}[]`,
      `STRUCT(a ${inFile}, b STRUCT(c ${inFile})[])`,
      `MAP(VARCHAR, ${inFile})`,
      `${inFile}[]`,
    ]);
  },
);

test('a column without a value keeps its type, with rows and without', async () => {
  const types = [...kept, ['GEOMETRY', 'GEOMETRY'], ["GEOMETRY('OGC:CRS84')", "GEOMETRY('OGC:CRS84')"]];
  const nulls = `SELECT ${types.map(([type], index) => `NULL::${type} AS c${index}`).join(', ')}`;
  for (const sql of [nulls, `${nulls} LIMIT 0`])
    expect((await written(sql)).types).toEqual(types.map(([, inFile]) => inFile));
});

test('keys of a map keep every digit', async () => {
  const { before, after } = await written("SELECT MAP {9007199254740995::HUGEINT: '-0.0'::DOUBLE, 1: 0} AS m");
  expect(after).toEqual(before);
});

test('values that Parquet has as a column only, a STRUCT without names, and NULL without a type', async () => {
  const { before, after } = await written(
    "SELECT 'POINT (1 2)'::GEOMETRY AS g, {'a': [1, NULL]}::VARIANT AS v, row(1, 'x') AS r, NULL AS n, [] AS e",
  );
  expect(after).toEqual(before);
});

/** The refused values, with the text of the error. */
const refused: [what: string, sql: string, code: string, castTo: string][] = [
  ['HUGEINT of 39 digits', `'1${'0'.repeat(38)}'::HUGEINT`, 'VALUE_INVALID', 'VARCHAR'],
  ['the smallest HUGEINT', "'-170141183460469231731687303715884105728'::HUGEINT", 'VALUE_INVALID', 'VARCHAR'],
  ['UHUGEINT of 39 digits', "'340282366920938463463374607431768211455'::UHUGEINT", 'VALUE_INVALID', 'VARCHAR'],
  ['an offset', "'12:00:00+05:30'::TIMETZ", 'VALUE_INVALID', 'VARCHAR'],
  ['the end of a day in UTC', "'24:00:00+00'::TIMETZ", 'VALUE_INVALID', 'VARCHAR'],
  ['an offset to the west', "'12:00:00-01'::TIMETZ", 'VALUE_INVALID', 'VARCHAR'],
  ['an infinite TIMESTAMP_S', "'infinity'::TIMESTAMP_S", 'VALUE_INVALID', 'VARCHAR'],
  ['an INTERVAL of a microsecond', "INTERVAL '1 microsecond'", 'VALUE_INVALID', 'VARCHAR'],
  ['a negative INTERVAL', "INTERVAL '-1 month'", 'VALUE_INVALID', 'VARCHAR'],
  ['a negative INTERVAL of years', "INTERVAL '-1 year'", 'VALUE_INVALID', 'VARCHAR'],
  ['a negative INTERVAL of days', "INTERVAL '-1 day'", 'VALUE_INVALID', 'VARCHAR'],
  ['an INTERVAL below a second', "INTERVAL '-1 millisecond'", 'VALUE_INVALID', 'VARCHAR'],
  ['a long INTERVAL', "INTERVAL '2000 hours'", 'VALUE_INVALID', 'VARCHAR'],
  ['UNION', 'union_value(a := 1)', 'TYPE_UNSUPPORTED', 'JSON'],
];

describe('refused with the column, and what to cast it to', () => {
  test.each(refused)('%s', async (_what, value, code, castTo) => {
    for (const [sql, hint] of [
      [`SELECT 1 AS a, ${value} AS "the x"`, castTo],
      [`SELECT {'a': [${value}]} AS "the x"`, ''],
      [`SELECT MAP {'a': ${value}} AS "the x"`, ''],
      [`SELECT * FROM (SELECT NULL::INTEGER AS b, ${value} AS "the x" FROM range(5000)) -- a comment`, castTo],
    ] as const)
      await expect(withFile(({ write }) => write(sql))).rejects.toMatchObject({
        code,
        message: expect.stringContaining('the x'),
        hint: expect.stringContaining(hint),
      });
  });

  test.each([
    ["['POINT (1 2)'::GEOMETRY]", 'VARCHAR'],
    ["{'v': 1::VARIANT}", 'JSON'],
    ['[row(1::HUGEINT)]', ''],
  ])('%s', async (value, castTo) => {
    await expect(withFile(({ write }) => write(`SELECT ${value} AS deep`))).rejects.toMatchObject({
      code: 'TYPE_UNSUPPORTED',
      message: expect.stringContaining('deep'),
      hint: expect.stringContaining(castTo),
    });
  });
});

test('rows stay in the order of the SELECT, and columns keep their names', () =>
  withFile(async ({ path, write, texts }) => {
    const sql = `SELECT n::HUGEINT AS "a ""b", n AS n, 0.0::DOUBLE AS n FROM range(300000) AS t(n) ORDER BY hash(n)`;
    expect(await write(sql)).toBe(300_000);
    expect(await texts(`SELECT bool_and("a ""b" = n), any_value(n_1) FROM ${literal(path)}`)).toEqual([[true, 0]]);
    const first = (from: string) => texts(`SELECT list(n)::VARCHAR FROM (SELECT n FROM ${from} LIMIT 50)`);
    expect(await first(literal(path))).toEqual(await first(`(${sql})`));
  }));

test('the sign of zero stays where the connection may write this one file, whatever a failed attempt leaves', async () => {
  const path = join(temporaryFolder(), 'x.parquet');
  // With several threads, a failed COPY of ordered rows leaves its file.
  const instance = await DuckDBInstance.create(':memory:', { threads: '4' });
  const connection = await instance.connect();
  try {
    await lockDown(connection, { folders: [], files: [path] });
    const sql = 'SELECT CASE range WHEN 9 THEN -0.0::DOUBLE ELSE range END AS x FROM range(30) ORDER BY range';
    await copyExactly(connection, { sql, path, options, readBack: true });
    const signs = await connection.runAndReadAll(`SELECT count(*) FROM ${literal(path)} WHERE signbit(x)`);
    expect(signs.getRowsJS()).toEqual([[1n]]);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
});

test('a file without a negative zero has dictionaries', () =>
  withFile(async ({ path, write, texts }) => {
    const encodings = () => texts(`SELECT DISTINCT encodings FROM parquet_metadata(${literal(path)})`);
    await write("SELECT (n % 7)::DOUBLE AS d, 'nan'::DOUBLE AS nan FROM range(10000) AS t(n)");
    expect(await encodings()).toEqual([['PLAIN_DICTIONARY']]);
    await write("SELECT CASE WHEN n = 9000 THEN '-0.0'::DOUBLE ELSE n % 7 END AS d FROM range(10000) AS t(n)");
    expect(await encodings()).toEqual([['PLAIN']]);
    const negative = `SELECT count(*)::INTEGER FROM ${literal(path)} WHERE CAST(d AS VARCHAR) = '-0.0'`;
    expect(await texts(negative)).toEqual([[1]]);
  }));

test.each([
  ['DOUBLE', 64, 12],
  ['FLOAT', 32, 9],
])('each NaN of a %s keeps its own bits', (type, bits, signAndExponent) =>
  withFile(async ({ path, write, texts }) => {
    const nan = (payload: string) =>
      `0${'1'.repeat(signAndExponent - 1)}${payload.padEnd(bits - signAndExponent, '0')}`;
    const values = [nan('1'), nan('11'), nan('101'), nan('1'), `1${nan('1').slice(1)}`];
    const list = values.map(value => `CAST(CAST('${value}' AS BIT) AS ${type})`).join(', ');
    await write(`SELECT unnest([${list}]) AS x, range AS n FROM range(2000)`);
    const seen = await texts(`SELECT CAST(CAST(x AS BIT) AS VARCHAR) FROM ${literal(path)} LIMIT ${values.length}`);
    expect(seen).toEqual(values.map(value => [value]));
  }),
);

describe('a time that is not within a day is refused, as other writers can make it', () => {
  /** Times of a table whose rows are just before, at, and just after the ends of a day. */
  const withTimes = (work: (from: (type: string) => string, connection: DuckDBConnection) => Promise<void>) =>
    withMemoryConnection(async connection => {
      await connection.run('CREATE OR REPLACE TEMP TABLE times (t TIME)');
      const appender = await connection.createAppender('times');
      for (const micros of [-1n, 0n, 86_400_000_000n, 86_400_000_001n]) {
        appender.appendTime(new DuckDBTimeValue(micros));
        appender.endRow();
      }
      appender.closeSync();
      await work(value => `SELECT ${value} AS "a ""column" FROM times UNION ALL SELECT NULL`, connection);
    });

  test.each([
    't',
    "[TIME '12:00:00', t]",
    `{'a "b': {'c': t}}`,
    "MAP {t: 'x'}",
    "MAP {'k': [t], 'n': NULL}",
    "{'n': 1, 'l': [NULL, {'t': t}]}",
  ])('%s', value =>
    withTimes(async (from, connection) => {
      const { columnType } = await connection.runAndReadAll(`${from(value)} LIMIT 0`).then(reader => ({
        columnType: reader.columnType(0),
      }));
      const column = fileColumnOf(columnType);
      const condition = 'isCast' in column ? column.refused?.are('"a ""column"') : undefined;
      const found = await connection.runAndReadAll(`SELECT ${condition} FROM (${from(value)})`);
      expect(found.getRowsJS().map(([isRefused]) => isRefused === true)).toEqual([true, false, false, true, false]);
      const copy = { sql: from(value), path: join(temporaryFolder(), 'x.parquet'), options, readBack: false };
      await expect(copyExactly(connection, copy)).rejects.toMatchObject({
        code: 'VALUE_INVALID',
        message: expect.stringContaining('00:00:00 to 24:00:00'),
      });
    }),
  );
});

test('a file that does not read as what was to be written is an error, when it is read back', () =>
  withMemoryConnection(async connection => {
    const copy = { sql: 'SELECT 1 AS a', path: join(temporaryFolder(), 'x.parquet'), options: 'FORMAT csv' };
    expect(await copyExactly(connection, { ...copy, readBack: false })).toBe(1);
    await expect(copyExactly(connection, { ...copy, readBack: true })).rejects.toMatchObject({ code: 'WRITE_FAILED' });
  }));

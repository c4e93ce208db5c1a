import { writeSelect } from '@quantbot/tooling-testing/parquet';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { openMemoryDatabase, query } from '../duckdb.js';
import { literal, schemaMap } from '../sql.js';
import { evolve } from './evolve.js';
import { judgedColumns, mayHold, questionsAbout } from './exact.js';
import { type CanonTable, newTable } from './table.js';

/** By type of a file and of a table: values that it holds, and values that it does not. */
const pairs: [file: string, table: string, held: string[], others: string[]][] = [
  [
    'TIMESTAMP_NS',
    'TIMESTAMP',
    ["'1677-09-22 00:00:00.000001'", "'1969-12-31 23:59:59.999999'", "'2262-04-11 23:47:16.854775'"],
    ["'1969-12-31 23:59:59.999999999'", "'2026-01-02 03:04:05.000000001'", "'2262-04-11 23:47:16.854775806'"],
  ],
  [
    'TIMESTAMP',
    'TIMESTAMP_NS',
    ["'1677-09-22 00:00:00'", "'2026-01-02 03:04:05.678901'", "'2262-04-11 23:47:16.854775'"],
    ["'1677-09-21 23:59:59.999999'", "'2262-04-11 23:47:16.854776'", "'9999-12-31'", "'infinity'"],
  ],
  [
    'DATE',
    'TIMESTAMP',
    ["'-infinity'", "'infinity'", "'0001-01-01'", "'1969-12-31'", "'9999-12-31'"],
    ["'300000-01-01'"],
  ],
  ['DATE', 'TIMESTAMP_NS', ["'1677-09-22'", "'2262-04-11'"], ["'1677-09-21'", "'2262-04-12'", "'infinity'"]],
  [
    'BIGINT',
    'DOUBLE',
    ['0', '9007199254740992', '-9007199254740992', '1152921504606846976', '-9223372036854775808'],
    ['9007199254740993', '-9007199254740993', '9223372036854775807'],
  ],
  ['UBIGINT', 'DOUBLE', ['0', '9223372036854775808'], ['18446744073709551615', '9007199254740993']],
  ['UBIGINT', 'BIGINT', ['0', '9223372036854775807'], ['9223372036854775808', '18446744073709551615']],
  ['BIGINT', 'UBIGINT', ['0', '9223372036854775807'], ['-1']],
  ['TINYINT', 'UBIGINT', ['0', '127'], ['-128']],
  ['BIGINT', 'INTEGER', ['-2147483648', '2147483647'], ['2147483648', '-2147483649']],
  [
    'DOUBLE',
    'BIGINT',
    ['0', '-1', '9007199254740992', '1e18', '-9223372036854775808', '9223372036854774784'],
    ['0.5', "'-0.0'", '9223372036854775808', '1e300', "'NaN'", "'inf'", "'-inf'", '5e-324'],
  ],
  ['DOUBLE', 'UBIGINT', ['0', '9223372036854775808'], ['-1', "'-0.0'", '18446744073709551616', '0.5']],
  ['FLOAT', 'BIGINT', ['0', '16777217', '-9223372036854775808'], ['0.5', "'-0.0'", '9223372036854775808', "'NaN'"]],
  ['FLOAT', 'UBIGINT', ['0', '16777216'], ['-1', "'-0.0'"]],
  ['DECIMAL(18,4)', 'DECIMAL(9,2)', ['1.5000', '-9999999.9900'], ['1.0001', '10000000.0000']],
  ['BIGINT', 'DECIMAL(9,2)', ['0', '9999999', '-9999999'], ['10000000', '9223372036854775807']],
  ['UBIGINT', 'DECIMAL(38,10)', ['0', '18446744073709551615'], []],
  [
    'DOUBLE',
    'DECIMAL(9,2)',
    ['0', '0.1', '-1.25', '9999999.99'],
    ['0.125', '0.30000000000000004::DOUBLE', '10000000', "'-0.0'", "'NaN'", "'inf'", '5e-324'],
  ],
  // DuckDB casts the last one to 1234567.8899999998.
  ['DOUBLE', 'DECIMAL(38,10)', ['0.3', '16777217.5'], ['1e20', '1e28', '1234567.89']],
  ['FLOAT', 'DECIMAL(9,2)', ['0.1', '-1.25', '12345.67'], ['0.125', "'-0.0'", "'NaN'", '1e7']],
  ['DECIMAL(9,2)', 'BIGINT', ['1.00', '-9999999.00'], ['0.50', '9999999.99']],
  ['DECIMAL(38,0)', 'BIGINT', ['9223372036854775807', '-9223372036854775808'], ['9223372036854775808']],
  ['DECIMAL(9,2)', 'UBIGINT', ['0.00', '1.00'], ['-1.00', '0.50']],
];

test('the condition tells the values that a type holds from the others, and what it holds is read exactly', async () => {
  const folder = temporaryFolder();
  const database = await openMemoryDatabase({ memoryMb: 128, threads: 1 });
  try {
    for (const [file, table, held, others] of pairs) {
      const what = `${file} as ${table}`;
      const declared = newTable('t', { name: 't', mode: 'append', key: [], orderBy: [], columns: [] });
      const column = { name: 'x', type: table, fixedBy: 'a', required: false };
      const [question, onlyNull, ...more] = questionsAbout({ ...declared, columns: [column] }, [
        { name: 'x', type: file, nullable: true },
      ]);
      expect([onlyNull?.as, more]).toEqual(['"NULL"', []]);
      const values = [...held, ...others, 'NULL'].map(value => `(CAST(${value} AS ${file}))`);
      const path = await writeSelect(folder, `SELECT x FROM (VALUES ${values.join(', ')}) t(x)`);
      const own = `read_parquet(${literal(path)}, file_row_number = true)`;
      const judged = await query<{ holds: boolean }>(
        database.connection,
        `SELECT ${question?.holds} AS holds FROM ${own} ORDER BY file_row_number`,
      );
      expect(
        judged.map(row => row.holds),
        what,
      ).toEqual([...held.map(() => true), ...others.map(() => false), true]);
      const read = `read_parquet(${literal(path)}, schema = ${schemaMap([{ name: 'x', type: table }])}, filename = true)`;
      const good = await writeSelect(folder, `SELECT x FROM '${path}' WHERE ${question?.holds}`);
      const lost = await query(
        database.connection,
        `SELECT a.x, b.x FROM '${good}' a POSITIONAL JOIN (SELECT CASE WHEN length(filename) > 0 THEN x END AS x
           FROM ${read.replace(path, good)}) b WHERE CAST(a.x AS VARCHAR) IS DISTINCT FROM CAST(CAST(b.x AS ${file}) AS VARCHAR)`,
      );
      expect(lost, what).toEqual([]);
    }
  } finally {
    database.close();
  }
});

test('every pair that a table may hold is among those above, up to the width of integers', () => {
  const types = [
    ...['BIGINT', 'UBIGINT', 'DOUBLE', 'FLOAT', 'VARCHAR', 'BLOB', 'BOOLEAN', 'DATE', 'TIMESTAMP', 'TIMESTAMP_NS'],
    ...['TIMESTAMP WITH TIME ZONE', 'TIME', 'UUID', 'BIGINT[]', '"NULL"', 'DECIMAL(9,2)'],
  ];
  const held = types.flatMap(file => types.filter(table => mayHold(file, table)).map(table => `${file} as ${table}`));
  const listed = [...pairs.map(([file, table]) => `${file} as ${table}`), 'UBIGINT as DECIMAL(9,2)'];
  expect(held.filter(pair => !listed.includes(pair))).toEqual([]);
});

const table = evolve(newTable('t', undefined), 'a', [
  { name: 'at', type: 'TIMESTAMP', nullable: true },
  { name: 'price', type: 'DECIMAL(9,2)', nullable: true },
]);
const file = [
  { name: 'at', type: 'TIMESTAMP_NS', nullable: true },
  { name: 'price', type: 'DECIMAL(9,4)', nullable: true },
];

test('a column that decoding found exact says as which type, and the table stays what it is', () => {
  const judged = judgedColumns(table, file.slice(0, 1), new Map([['at', new Map([['TIMESTAMP', null]])]]));
  expect(judged).toEqual([{ name: 'at', type: 'TIMESTAMP_NS', nullable: true, as: 'TIMESTAMP' }]);
  expect(evolve(table, 'b', judged)).toBe(table);
  // The table may have been dropped since, and have another type.
  const other = evolve(newTable('t', undefined), 'a', [{ name: 'at', type: 'DATE', nullable: true }]);
  expect(() => evolve(other, 'b', judged)).toThrow('at: expected DATE (fixed by a), found TIMESTAMP_NS');
});

test('a column with another value is refused, with that value', () => {
  const value = '2026-01-02 03:04:05.000000001';
  const judged = judgedColumns(table, file, new Map([['at', new Map([['TIMESTAMP', value]])]]));
  expect(() => evolve(table, 'b', judged)).toThrow(
    `at: expected TIMESTAMP (fixed by a), found TIMESTAMP_NS; the first value that is no TIMESTAMP: ${value}`,
  );
});

test('a column that decoding did not judge is refused, and a decimal that can widen is not asked about', () => {
  expect(judgedColumns(table, file, undefined)).toBe(file);
  expect(judgedColumns(table, file, new Map())).toBe(file); // the same array: its JSON is computed once per schema
  expect(() => evolve(table, 'b', judgedColumns(table, file, new Map()))).toThrow('found TIMESTAMP_NS.');
  const exact = new Map([['price', new Map([['DECIMAL(9,2)', null]])]]);
  expect(evolve(table, 'b', judgedColumns(table, file.slice(1), exact)).columns[1]?.type).toBe('DECIMAL(11,4)');
});

test('a column that the table does not have is asked about with the types that it may get meanwhile', () => {
  const asked = (type: string) => questionsAbout(undefined, [{ name: 'x', type, nullable: true }]).map(({ as }) => as);
  expect(asked('TIMESTAMP_NS')).toEqual(['TIMESTAMP', '"NULL"']);
  expect(asked('DATE')).toEqual(['TIMESTAMP', 'TIMESTAMP_NS', '"NULL"']);
  expect(asked('BIGINT')).toEqual(['UBIGINT', 'DOUBLE', '"NULL"']);
  expect(asked('INTEGER')).toEqual(['UBIGINT', '"NULL"']);
  expect(asked('VARCHAR')).toEqual(['"NULL"']);
  expect(asked('"NULL"')).toEqual([]);
  expect(asked('VARCHAR[]')).toEqual([]);
});

test('a column is open until a file has a value, and asked about until then', () => {
  const file = (type: string) => [{ name: 'x', type, nullable: true }];
  const taken = (before: CanonTable, type: string, isNull: boolean) =>
    evolve(
      before,
      `${type} ${isNull}`,
      judgedColumns(before, file(type), new Map([['x', new Map([['"NULL"', isNull ? null : '1']])]])),
    );
  const open = taken(newTable('t', undefined), 'DOUBLE', true);
  expect(open.columns[0]).toMatchObject({ type: 'DOUBLE', open: true });
  expect(questionsAbout(open, file('DOUBLE')).map(({ as }) => as)).toEqual(['BIGINT', 'UBIGINT', '"NULL"']);
  expect(taken(open, 'DOUBLE', true)).toBe(open);
  expect(taken(open, 'VARCHAR', true)).toBe(open);
  expect(evolve(open, 'b', file('"NULL"'))).toBe(open);
  for (const type of ['VARCHAR', 'TIMESTAMP', 'BIGINT', 'BIGINT[]']) {
    const fixed = taken(open, type, false);
    expect(fixed.columns[0]).toEqual({ name: 'x', type, fixedBy: `${type} false`, required: false, recast: true });
    expect(fixed.generation).toBe(1);
    expect(() => taken(fixed, 'BLOB', false)).toThrow(`expected ${type}`);
  }
  const fits = taken(open, 'DOUBLE', false);
  expect(fits.columns[0]).toEqual({ name: 'x', type: 'DOUBLE', fixedBy: 'DOUBLE false', required: false });
  expect([fits.generation, questionsAbout(fits, file('DOUBLE'))]).toEqual([0, []]);
  expect(() => taken(fits, 'VARCHAR', false)).toThrow('expected DOUBLE');
  const untyped = evolve(newTable('t', undefined), 'a', file('"NULL"'));
  expect(taken(untyped, 'DOUBLE', true)).toBe(untyped);
});

test('a column that has only NULL fits whatever type the table has, and the table stays what it is', () => {
  const floats = [{ name: 'at', type: 'DOUBLE', nullable: true }];
  expect(questionsAbout(table, floats)).toEqual([
    { column: 'at', type: 'DOUBLE', as: '"NULL"', holds: 'TRY("at") IS NULL' },
  ]);
  const judged = judgedColumns(table, floats, new Map([['at', new Map([['"NULL"', null]])]]));
  expect(judged).toEqual([{ name: 'at', type: 'DOUBLE', nullable: true, as: '"NULL"' }]);
  expect(evolve(table, 'b', judged)).toBe(table);
  const others = judgedColumns(table, floats, new Map([['at', new Map([['"NULL"', '1.5']])]]));
  expect(() => evolve(table, 'b', others)).toThrow('at: expected TIMESTAMP (fixed by a), found DOUBLE.');
  expect(questionsAbout(table, [{ name: 'at', type: 'DATE[]', nullable: true }])).toEqual([]);
});

test('a column that may widen is asked about until a value of it is not exact', () => {
  const bigint = { name: 'n', type: 'BIGINT', nullable: true };
  const judged = (type: string, value: string | null) =>
    judgedColumns(undefined, [{ ...bigint, type }], new Map([['n', new Map([['DOUBLE', value]])]]));
  expect(judged('BIGINT', null)).toEqual([{ ...bigint, also: 'DOUBLE' }]);
  expect(judged('BIGINT', '9007199254740993')).toEqual([bigint]);
  const table = evolve(newTable('t', undefined), 'a', judged('BIGINT', null));
  const asked = (of: typeof table, type: string) => questionsAbout(of, [{ ...bigint, type }]).map(({ as }) => as);
  expect(asked(table, 'BIGINT')).toEqual(['DOUBLE']);
  expect(asked(table, 'INTEGER')).toEqual([]);
  expect(asked(table, 'UBIGINT')).toEqual(['BIGINT', 'DOUBLE', '"NULL"']);
  const both = new Map(['BIGINT', 'DOUBLE'].map(type => [type, null] as const));
  expect(judgedColumns(table, [{ ...bigint, type: 'UBIGINT' }], new Map([['n', both]]))).toEqual([
    { ...bigint, type: 'UBIGINT', as: 'BIGINT', also: 'DOUBLE' },
  ]);
  const closed = evolve(table, 'b', [bigint]);
  expect(asked(closed, 'BIGINT')).toEqual([]);
  expect(evolve(closed, 'c', judgedColumns(closed, [bigint], new Map()))).toBe(closed);
});

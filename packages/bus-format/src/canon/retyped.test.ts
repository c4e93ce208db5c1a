import { writeSelect } from '@quantbot/tooling-testing/parquet';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { openMemoryDatabase, query } from '../duckdb.js';
import { identifier, literal, schemaMap } from '../sql.js';
import { evolve } from './evolve.js';
import { judgedColumns, mayHold, questionBeforeSet, questionsAbout } from './exact.js';
import { canBeSet } from './retyped.js';
import { newTable } from './table.js';

/** By type of a file and of a column: values that it holds, with what they become, and others. */
const pairs: [file: string, as: string, held: Record<string, string>, others: string[]][] = [
  [
    'VARCHAR',
    'BIGINT',
    { '0': '0', '-1': '-1', '12.0': '12', '9223372036854775807': '9223372036854775807' },
    ['', '007', '+1', ' 1', '1_000', '0x10', '1e3', '1.5', '-0', '9223372036854775808', 'NaN'],
  ],
  ['VARCHAR', 'UBIGINT', { '18446744073709551615': '18446744073709551615' }, ['-1', '18446744073709551616']],
  [
    'VARCHAR',
    'DOUBLE',
    { '1': '1.0', '0.1': '0.1', '1.50': '1.5', '-0': '-0.0', '9007199254740992': '9007199254740992.0', inf: 'inf' },
    ['9007199254740993', '0.1000000000000000055', '1e400', '.5', '1.', 'NaN', '12345678901234567890'],
  ],
  [
    'VARCHAR',
    'DECIMAL(6,2)',
    { '1': '1.00', '1.5': '1.50', '-0.010': '-0.01', '9999.99': '9999.99' },
    ['1.005', '10000', '-0', '1e2'],
  ],
  ['VARCHAR', 'DATE', { '2026-01-02': '2026-01-02' }, ['2026-1-2', '2026-02-30', '20260102', '2026-01-02 00:00:00']],
  [
    'VARCHAR',
    'TIMESTAMP',
    {
      '2026-01-02 03:04:05': '2026-01-02 03:04:05',
      '2026-01-02T03:04:05.120': '2026-01-02 03:04:05.12',
      '2026-01-02T03:04:05.000000': '2026-01-02 03:04:05',
      '2026-01-02': '2026-01-02 00:00:00',
    },
    ['2026-01-02T03:04:05Z', '2026-01-02 03:04:05+02', '2026-01-02 03:04:05.1234567', '2026-01-02T03:04'],
  ],
  [
    'VARCHAR',
    'TIMESTAMP WITH TIME ZONE',
    {
      '2026-01-02T03:04:05Z': '2026-01-02 03:04:05+00',
      '2026-01-02 03:04:05.120000+00:00': '2026-01-02 03:04:05.12+00',
      '2026-01-02 03:04:05+00': '2026-01-02 03:04:05+00',
    },
    ['2026-01-02 03:04:05', '2026-01-02T03:04:05+02:00', '2026-01-02T03:04:05.1234567Z'],
  ],
  ['VARCHAR', 'BOOLEAN', { true: 'true', false: 'false' }, ['1', 'True', 'yes']],
  ['VARCHAR', 'TIME', { '03:04:05': '03:04:05', '03:04:05.120': '03:04:05.12' }, ['3:04:05', '25:00:00']],
  [
    'VARCHAR',
    'UUID',
    { '00000000-0000-0000-0000-00000000000a': '00000000-0000-0000-0000-00000000000a' },
    ['00000000-0000-0000-0000-00000000000A', 'x'],
  ],
  ['BIGINT', 'VARCHAR', { '9223372036854775807': '9223372036854775807' }, []],
  ['DOUBLE', 'VARCHAR', { '0.1': '0.1', '-0.0': '-0.0', NaN: 'nan', '5e-324': '5e-324' }, []],
  ['TIMESTAMP', 'VARCHAR', { '2026-01-02 03:04:05.12': '2026-01-02 03:04:05.12', infinity: 'infinity' }, []],
  ['BOOLEAN', 'VARCHAR', { true: 'true' }, []],
  ['DECIMAL(6,2)', 'VARCHAR', { '1.5': '1.50' }, []],
  ['DOUBLE', 'DECIMAL(9,2)', { '0.1': '0.10', '1.25': '1.25' }, ['0.125', '-0.0', 'NaN', 'inf', '1e8']],
  ['DOUBLE', 'DECIMAL(38,10)', { '0.3': '0.3000000000' }, ['1234567.89', '1e20']],
  ['BIGINT', 'DECIMAL(6,2)', { '9999': '9999.00' }, ['10000']],
  ['DECIMAL(20,2)', 'DOUBLE', { '1.25': '1.25' }, ['123456789012345678.12']],
  ['DECIMAL(6,2)', 'BIGINT', { '12.00': '12' }, ['12.01']],
  ['TIMESTAMP', 'DATE', { '2026-01-02': '2026-01-02' }, ['2026-01-02 00:00:01']],
];

test('a type that is set holds the values that stay what they are, and they are read so in every time zone', async () => {
  const folder = temporaryFolder();
  const database = await openMemoryDatabase({ memoryMb: 128, threads: 1 });
  const rows = <T>(sql: string) => query<Record<string, T>>(database.connection, sql);
  try {
    for (const [index, [file, as, held, others]] of pairs.entries()) {
      const question = questionBeforeSet({ name: 'x y', type: file }, as);
      const all = [...Object.keys(held), ...others].map(value => `(CAST(${literal(value)} AS ${file}))`);
      const path = `${folder}/${index}.parquet`;
      await writeSelect(path, `SELECT x AS ${identifier('x y')} FROM (VALUES ${all.join(', ')}, (NULL)) t(x)`);
      await database.connection.run("SET TimeZone = 'America/New_York'");
      const answers = await rows<boolean>(`SELECT ${question?.holds} AS holds FROM read_parquet(${literal(path)})`);
      expect(
        answers.map(({ holds }) => holds),
        `${file} as ${as}`,
      ).toEqual([...Object.keys(held).map(() => true), ...others.map(() => false), true]);
      const good = `${folder}/${index}-good.parquet`;
      await writeSelect(
        good,
        `SELECT x AS ${identifier('x y')} FROM (VALUES ${all.slice(0, Object.keys(held).length).join(', ')}) t(x)`,
      );
      const read = `SELECT ${identifier('x y')} AS v FROM read_parquet(${literal(good)}, schema = ${schemaMap([{ name: 'x y', type: as }])})`;
      await database.connection.run("SET TimeZone = 'UTC'");
      const utc = await rows<string>(`SELECT CAST(v AS VARCHAR) AS v FROM (${read})`);
      expect(utc.map(({ v }) => v)).toEqual(Object.values(held));
      const key = as === 'TIMESTAMP WITH TIME ZONE' ? 'epoch_us(v)' : 'CAST(v AS VARCHAR)';
      const here = await rows(`SELECT ${key} AS v FROM (${read})`);
      await database.connection.run("SET TimeZone = 'America/New_York'");
      expect(await rows(`SELECT ${key} AS v FROM (${read})`)).toEqual(here);
    }
  } finally {
    database.close();
  }
});

test('some types are never read as another, because the zone of the reader would decide', () => {
  for (const [file, as] of [
    ['TIMESTAMP', 'TIMESTAMP WITH TIME ZONE'],
    ['TIMESTAMP WITH TIME ZONE', 'TIMESTAMP'],
    ['TIMESTAMP WITH TIME ZONE', 'VARCHAR'],
    ['BLOB', 'VARCHAR'],
    ['BIGINT[]', 'VARCHAR'],
    ['BOOLEAN', 'BIGINT'],
  ] as const)
    expect(questionBeforeSet({ name: 'x', type: file }, as), `${file} as ${as}`).toBeUndefined();
});

test('tables have the widest integers, and decimals that exist', () => {
  expect(['BIGINT', 'DECIMAL(38,38)', 'VARCHAR', 'TIMESTAMP WITH TIME ZONE'].filter(canBeSet)).toHaveLength(4);
  expect(['INTEGER', 'FLOAT', 'DECIMAL(39,0)', 'DECIMAL(2,3)', 'BIGINT[]', 'JSON', 'BLOB'].filter(canBeSet)).toEqual(
    [],
  );
});

const file = (type: string, as?: string) => [{ name: 'x', type, nullable: true, ...(as !== undefined && { as }) }];
const set = { types: [{ name: 'x', type: 'BIGINT', was: ['VARCHAR'] }], generation: 1 };

test('a retyped column takes later files of its old type if their values fit, and widens no more', () => {
  const table = evolve(newTable('t', undefined, set), 'a', file('VARCHAR'), { isCommitted: true });
  expect(table.columns).toMatchObject([{ name: 'x', type: 'BIGINT', fixedBy: '`quantbot-bus table retype`' }]);
  expect(questionsAbout(table, file('VARCHAR')).map(({ as }) => as)).toContain('BIGINT');
  const judged = (value: string | null) =>
    judgedColumns(table, file('VARCHAR'), new Map([['x', new Map([['BIGINT', value]])]]));
  expect(judged(null)).toMatchObject([{ type: 'VARCHAR', as: 'BIGINT' }]);
  expect(evolve(table, 'b', judged(null)).columns[0]?.type).toBe('BIGINT');
  expect(() => evolve(table, 'b', file('VARCHAR'))).toThrow(/expected BIGINT .* found VARCHAR/);
  expect(() => evolve(table, 'b', judged('007'))).toThrow(/the first value that is no BIGINT: 007/);
  expect(() => evolve(table, 'b', file('DOUBLE'))).toThrow(/expected BIGINT .* found DOUBLE/);
  expect(() => evolve(table, 'b', file('BOOLEAN'))).toThrow(/found BOOLEAN/);
  expect(evolve(table, 'b', file('INTEGER'))).toBe(table);
});

test('a column whose type nobody has set takes no text', () => {
  expect(mayHold('VARCHAR', 'BIGINT')).toBe(false);
  expect(mayHold('BIGINT', 'VARCHAR')).toBe(false);
  expect(mayHold('DECIMAL(9,2)', 'DOUBLE')).toBe(false);
});

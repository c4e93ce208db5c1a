import { verifyStore } from '@quantbot/bus-care/verify';
import { openCatalog } from '@quantbot/storage';
import type { SchemaElement } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { expect, test } from 'vitest';
import { answers, askThreeTimes, commit, fileOf } from '../../../test/support/foreign-file.js';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import { queryPublished } from '../../../test/support/published.js';

test('NaN, which no statistics count, is found by every comparison', async () => {
  const { bus } = await openInProcess();
  await commit(bus, fileOf([1, Number.NaN, 3], { type: 'DOUBLE' }));
  const sql =
    "SELECT count(*) FILTER (x > 5) AS kept, (SELECT count(*) FROM canon.t WHERE x > 5) AS above, (SELECT count(*) FROM canon.t WHERE x = 'nan'::DOUBLE) AS nan FROM canon.t";
  expect(await askThreeTimes(bus, sql)).toEqual(answers({ kept: 1, above: 1, nan: 1 }));
});

test('statistics that lie lose no row', async () => {
  const { bus } = await openInProcess();
  const file = Buffer.from(fileOf([1, 2, 777_777], { type: 'INT32' }));
  const [max, lie] = [Buffer.alloc(4), Buffer.alloc(4)];
  max.writeInt32LE(777_777);
  lie.writeInt32LE(5);
  for (let at = file.lastIndexOf(max); at > file.indexOf(max); at = file.lastIndexOf(max)) lie.copy(file, at);
  expect(await commit(bus, file)).toBeUndefined();
  const sql = 'SELECT count(*) AS n, max(x) AS most FROM canon.t WHERE x > 100';
  expect(await askThreeTimes(bus, sql)).toEqual(answers({ n: 1, most: 777_777 }));
});

const nothing = { type: 'INT32', logical_type: { type: 'NULL' } } as unknown as Partial<SchemaElement>;
const text = { type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const;

test.each([
  ['after', [nothing, text]],
  ['before', [text, nothing]],
])('a column in which nothing but NULL came has no type: text comes %s it', async (_, [first, second]) => {
  const { bus } = await openInProcess();
  const of = (element: object) => fileOf(element === text ? ['late'] : [null], element);
  expect(await commit(bus, of(first as object))).toBeUndefined();
  expect(await commit(bus, of(second as object))).toBeUndefined();
  expect(bus.tables.get('t')?.columns[0]?.type).toBe('VARCHAR');
  expect(await askThreeTimes(bus, 'SELECT count(*) AS n, max(x) AS x FROM canon.t')).toEqual(
    answers({ n: 2, x: 'late' }),
  );
});

const utcNanoseconds = {
  type: 'INT64',
  logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'NANOS' },
} as const;

test('nanoseconds with a zone are taken when they are whole microseconds, and refused with the column when not', async () => {
  const { bus } = await openInProcess();
  const whole = 1_700_000_000_123_456_000n;
  expect(await commit(bus, fileOf([whole, null, whole + 1n], utcNanoseconds as never))).toEqual({
    code: 'COLUMN_UNSUPPORTED',
    details: [expect.stringMatching(/^x: has nanoseconds/)],
  });
  expect(await commit(bus, fileOf([whole, null], utcNanoseconds as never))).toBeUndefined();
  expect(await askThreeTimes(bus, 'SELECT epoch_us(max(x))::VARCHAR AS x FROM canon.t')).toEqual(
    answers({ x: '1700000000123456' }),
  );
});

test('an annotation that DuckDB does not know is refused with the column and what to write', async () => {
  const { bus } = await openInProcess();
  const date = { type: 'INT32', logical_type: { type: 'DATE' } };
  expect(await commit(bus, fileOf([1], date as never))).toEqual({
    code: 'COLUMN_UNSUPPORTED',
    details: [expect.stringMatching(/^x: is DATE .* reads as INTEGER; write the converted type/)],
  });
});

test('an interval that compaction could not write again is refused with its column', async () => {
  const { bus } = await openInProcess();
  const interval = { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 12, converted_type: 'INTERVAL' };
  const of = (months: number) => {
    const bytes = new Uint8Array(12);
    new DataView(bytes.buffer).setUint32(0, months, true);
    return fileOf([bytes], interval as never);
  };
  expect(await commit(bus, of(2 ** 31))).toEqual({
    code: 'COLUMN_UNSUPPORTED',
    details: [expect.stringMatching(/^x: a negative part, .* in 1 of 1 rows/)],
  });
  expect(await commit(bus, of(7))).toBeUndefined();
  expect(await askThreeTimes(bus, 'SELECT x::VARCHAR AS x FROM canon.t')).toEqual(answers({ x: '7 months' }));
});

test('columns with the names that our own SQL uses keep their values', async () => {
  const { bus } = await openInProcess();
  const names = ['_bus_is_here', 'here', 'f', 'j', 'files', 'since', 'seq', 'ordinal', 'artifact_key', 'n', 'path'];
  const columnData = names.map((name, index) => ({ name, data: [index], type: 'INT32' as const }));
  await commit(bus, new Uint8Array(parquetWriteBuffer({ columnData })));
  const sql = `SELECT [${names.map(name => `t."${name}"`).join(', ')}]::VARCHAR AS found FROM canon.t AS t`;
  expect(await askThreeTimes(bus, sql)).toEqual(answers({ found: `[${names.map((_, index) => index).join(', ')}]` }));
});

/** A file of one row, with the number of each column as its value. */
const fileWithNames = (...names: string[]): Uint8Array =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: names.map((name, index) => ({ name, data: [index], type: 'INT32' as const })),
    }),
  );

test.each([
  ['no name', ['', 'close'], 'C0 close'],
  ['no name twice', ['close', '', ''], 'close C1 _1'],
  ['one name twice, and the name that the second would get', ['close', 'close_1', 'close'], 'close close_1 close_1_1'],
  ['names that differ in case', ['a', 'A', 'a'], 'a A_1 a_2'],
])('columns whose names DuckDB makes up have the values of the file: %s', async (_, names, given) => {
  const { bus } = await openInProcess();
  expect(await commit(bus, fileWithNames(...names))).toBeUndefined();
  const named = `(SELECT string_agg(column_name, ' ' ORDER BY position) FROM catalog.columns_d)`;
  const columns = given.split(' ').map(name => `t."${name}"`);
  expect(
    await askThreeTimes(bus, `SELECT ${named} AS given, [${columns.join(', ')}]::VARCHAR AS found FROM canon.t AS t`),
  ).toEqual(answers({ given, found: `[${names.map((_, index) => index).join(', ')}]` }));
});

test('a column without a name is a key that later files share, also in the past', async () => {
  const { bus } = await openInProcess({ canon: { tables: { t: { mode: 'upsert', key: ['C0'] } } } });
  const of = (value: number) =>
    new Uint8Array(
      parquetWriteBuffer({
        columnData: [
          { name: '', data: [7], type: 'INT32' },
          { name: 'v', data: [value], type: 'INT32' },
        ],
      }),
    );
  await commit(bus, of(1));
  await commit(bus, of(2));
  expect(await askThreeTimes(bus, 'SELECT "C0", v FROM canon.t')).toEqual(answers({ C0: 7, v: 2 }));
  await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  await using past = await catalog.asOf(1);
  expect(await past.query('SELECT "C0", v FROM canon.t')).toEqual([{ C0: 7, v: 1 }]);
  expect((await verifyStore(bus.config)).problems).toEqual([]);
});

test('a column without a name is never taken for another column of a table', async () => {
  const { bus } = await openInProcess();
  expect(await commit(bus, fileWithNames('', 'x'))).toBeUndefined();
  await commit(bus, fileWithNames('x', ''));
  await commit(bus, fileWithNames('C0', 'x'));
  expect(await askThreeTimes(bus, 'SELECT "C0", x FROM canon.t')).toEqual(answers({ C0: 0, x: 1 }));
  const [reasons] = await queryPublished(
    bus,
    'SELECT string_agg(reject_error, chr(10) ORDER BY seq) AS lines FROM catalog.jobs_f',
  );
  const [elsewhere, named] = (reasons as { lines: string }).lines.split('\n');
  expect(elsewhere).toMatch(/C1: has no name, like the column that the table calls C0 \(fixed by /);
  expect(named).toMatch(/C0: has this name in the file, and none in that of /);
});

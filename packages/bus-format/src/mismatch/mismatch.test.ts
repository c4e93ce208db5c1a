import { expect, test } from 'vitest';
import { castHint, mismatchText, parseMismatch } from './mismatch.js';

const of = (column: string, expected: string, found: string) => ({ column, expected, fixedBy: 'r/p/k/a', found });
const hintFor = (column: string, expected: string, found: string) =>
  castHint([mismatchText(of(column, expected, found))]);

test('a mismatch is read again from its text, whatever the name of the column', () => {
  for (const mismatch of [
    of('at', 'TIMESTAMP', 'TIMESTAMP_NS'),
    of('a: expected (b)', 'STRUCT("a" DECIMAL(9,2))', 'TIMESTAMP WITH TIME ZONE'),
    of('two\nlines', 'BIGINT', 'VARCHAR[]'),
    { ...of('at', 'TIMESTAMP', 'TIMESTAMP_NS'), misfit: '2026-01-02 03:04:05.123456789' },
  ])
    expect(parseMismatch(mismatchText(mismatch))).toEqual(mismatch);
  expect(parseMismatch('at: NULL in 1 of 1 rows, and every row must have a value')).toBeUndefined();
});

test('the hint says what to type in pandas, polars and DuckDB, with the name of the column', () => {
  expect(hintFor('at', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE')).toBe(
    'To write the expected type: in pandas, df["at"] = df["at"].dt.tz_convert("UTC").dt.tz_localize(None).dt.as_unit("us"); ' +
      'in polars, df = df.with_columns(pl.col("at").dt.convert_time_zone("UTC").dt.replace_time_zone(None).cast(pl.Datetime("us"))); ' +
      'in DuckDB, SELECT * REPLACE (CAST(timezone(\'UTC\', "at") AS TIMESTAMP) AS "at").',
  );
  expect(hintFor('n', 'BIGINT', 'DOUBLE')).toContain('pl.col("n").round().cast(pl.Int64)');
  expect(hintFor('n', 'BIGINT', 'DOUBLE')).toMatch(/ Fractions are rounded\.$/);
});

test('names are quoted as each language quotes them', () => {
  const hint = hintFor('a"$&\'b', 'BIGINT', 'VARCHAR');
  expect(hint).toContain(`df["a\\"$&'b"] = df["a\\"$&'b"].astype("string").astype("Int64")`);
  expect(hint).toContain(`CAST("a""$&'b" AS BIGINT) AS "a""$&'b"`);
});

test('types without a cast of their own get that of DuckDB', () => {
  expect(hintFor('x', 'BIGINT[]', 'INTEGER[]')).toBe(
    'To write the expected type: in DuckDB, SELECT * REPLACE (CAST("x" AS BIGINT[]) AS "x").',
  );
});

test('a file with many columns that do not fit gets three hints and the number of the others', () => {
  const details = ['a', 'b', 'c', 'd', 'e'].map(name => mismatchText(of(name, 'BIGINT', 'BOOLEAN')));
  const hint = castHint(['z: the file has none of this column', ...details]);
  expect(hint?.match(/in polars/g)).toHaveLength(3);
  expect(hint?.match(/\. In pandas/g)).toHaveLength(2);
  expect(hint).toMatch(/ Likewise 2 more columns\.$/);
  expect(castHint(['z: has no name in the file'])).toBeUndefined();
});

import { parseBusConfig } from '@quantbot/infra/config';
import { expect, test } from 'vitest';
import type { CanonColumn } from './table.js';
import { TableLimits } from './table-limits.js';

const config = parseBusConfig(
  '{"canon": {"max_new_tables_per_hour": 3}, "limits": {"max_table_columns": 5}}',
  '/bus_config.json',
);
const columns = (count: number) =>
  Array.from(
    { length: count },
    (_, i): CanonColumn => ({ name: `c${i}`, type: 'BIGINT', fixedBy: 'r/p/k/a', required: false }),
  );
const made = (...names: string[]) =>
  names.map(name => ({ before: undefined, after: { name, columns: columns(1), generation: 0 } }));
const grown = (from: number, to: number) => [
  { before: { columns: columns(from) }, after: { name: 't', columns: columns(to), generation: 0 } },
];
const hour = 3_600_000;

test('a producer makes so many tables an hour, and another one as many', () => {
  const limits = new TableLimits();
  limits.apply(config, { producer: 'a', nowMs: 0 }, made('t1', 't2', 't3'));
  expect(() => limits.apply(config, { producer: 'a', nowMs: 1 }, made('t4'))).toThrow(/a would have created 4 .* hour/);
  limits.apply(config, { producer: 'b', nowMs: 1 }, made('t4'));
  expect(() => limits.apply(config, { producer: 'a', nowMs: hour - 1 }, made('t5'))).toThrow();
  limits.apply(config, { producer: 'a', nowMs: hour }, made('t5', 't6', 't7'));
});

test('one job alone makes no more', () => {
  expect(() => new TableLimits().apply(config, { producer: 'a', nowMs: 0 }, made('a', 'b', 'c', 'd'))).toThrow();
});

test('a job that is decided again is not counted twice, and one that is refused not at all', () => {
  const limits = new TableLimits();
  for (let attempt = 0; attempt < 5; attempt++)
    limits.apply(config, { producer: 'a', nowMs: attempt }, made('t1', 't2'));
  expect(() => limits.apply(config, { producer: 'a', nowMs: 6 }, made('t3', 't4'))).toThrow();
  limits.apply(config, { producer: 'a', nowMs: 7 }, made('t5'));
});

test('tables that are there take jobs as ever', () => {
  const limits = new TableLimits();
  limits.apply(config, { producer: 'a', nowMs: 0 }, made('t1', 't2', 't3'));
  limits.apply(config, { producer: 'a', nowMs: 0 }, grown(2, 5));
});

test('a table gets columns up to the limit; one that has more already is not refused', () => {
  const limits = new TableLimits();
  expect(() => limits.apply(config, { producer: 'a', nowMs: 0 }, grown(2, 6))).toThrow(/6 columns, 4 of them new/);
  limits.apply(config, { producer: 'a', nowMs: 0 }, grown(9, 9));
});

test('a column gets fields up to the limit; one that has more already is not refused', () => {
  const limits = new TableLimits();
  const struct = (count: number) => `STRUCT(${Array.from({ length: count }, (_, i) => `"f${i}" BIGINT`).join(', ')})`;
  const withFields = (from: number, to: number) => {
    const of = (count: number) => columns(1).map(column => ({ ...column, type: struct(count) }));
    return [{ before: { columns: of(from) }, after: { name: 't', columns: of(to), generation: 1 } }];
  };
  limits.apply(config, { producer: 'a', nowMs: 0 }, withFields(2, 5));
  limits.apply(config, { producer: 'a', nowMs: 0 }, withFields(9, 9));
  expect(() => limits.apply(config, { producer: 'a', nowMs: 0 }, withFields(2, 6))).toThrow(
    'c0 of canon.t would have 6 fields, 4 of them new; limits.max_table_columns is 5.',
  );
});

test('the types of a table change so often, and a table that changed more often takes jobs as ever', () => {
  const limits = new TableLimits();
  const changed = (from: number, to: number) => [
    { before: { columns: columns(1), generation: from }, after: { name: 't', columns: columns(1), generation: to } },
  ];
  limits.apply(config, { producer: 'a', nowMs: 0 }, changed(4, 5));
  limits.apply(config, { producer: 'a', nowMs: 0 }, changed(9, 9));
  expect(() => limits.apply(config, { producer: 'a', nowMs: 0 }, changed(5, 6))).toThrow(/would have changed 6 times/);
});

import type { BusError } from '@quantbot/infra';
import { expect, test } from 'vitest';
import { evolve, keyProblems } from './evolve.js';
import { type CanonTable, newTable } from './table.js';

const columns = (types: Record<string, string>) =>
  Object.entries(types).map(([name, type]) => ({ name, type, nullable: true }));
const first = evolve(
  newTable('t', undefined),
  'r1/p/k/a',
  columns({ n: 'INTEGER', price: 'DECIMAL(9,2)', text: 'VARCHAR' }),
);
const typesOf = (table: CanonTable) => Object.fromEntries(table.columns.map(c => [c.name, c.type]));

function errorOf(call: () => unknown): BusError {
  try {
    call();
  } catch (error) {
    return error as BusError;
  }
  throw new Error('it did not throw');
}

test('the first artifact fixes the columns, wide enough for later files', () => {
  expect(first).toEqual({
    name: 't',
    mode: 'append',
    key: [],
    orderBy: [],
    generation: 0,
    columns: [
      { name: 'n', type: 'BIGINT', also: 'DOUBLE', fixedBy: 'r1/p/k/a', required: false },
      { name: 'price', type: 'DECIMAL(9,2)', fixedBy: 'r1/p/k/a', required: false },
      { name: 'text', type: 'VARCHAR', fixedBy: 'r1/p/k/a', required: false },
    ],
  });
});

test('an artifact that fits leaves the very same table, also when it lacks columns or orders them otherwise', () => {
  expect(evolve(first, 'r2/p/k/a', columns({ text: 'VARCHAR', n: 'SMALLINT' }))).toBe(first);
});

test('a new column comes at the end and names who brought it; older views can still read every file', () => {
  const next = evolve(first, 'r2/p/k/a', columns({ extra: 'FLOAT', n: 'INTEGER' }));
  expect(next.columns.at(-1)).toEqual({ name: 'extra', type: 'DOUBLE', fixedBy: 'r2/p/k/a', required: false });
  expect(next.columns.slice(0, 3)).toEqual(first.columns);
  expect(next.generation).toBe(0);
});

test('a decimal that widens keeps its place and starts a new generation of files', () => {
  const next = evolve(first, 'r2/p/k/a', columns({ price: 'DECIMAL(18,4)' }));
  expect(typesOf(next)).toEqual({ n: 'BIGINT', price: 'DECIMAL(18,4)', text: 'VARCHAR' });
  expect(next.generation).toBe(1);
  expect(next.columns[1]?.fixedBy).toBe('r2/p/k/a');
});

test('a new field of a struct is shown in its column, and starts a new generation of files', () => {
  const table = evolve(newTable('t', undefined), 'a', columns({ x: 'STRUCT("a" BIGINT)' }));
  const next = evolve(table, 'b', columns({ x: 'STRUCT("b" DATE, "a" BIGINT)' }));
  expect([typesOf(next).x, next.generation]).toEqual(['STRUCT("a" BIGINT, "b" DATE)', 1]);
  expect(next.columns[0]?.fixedBy).toBe('b');
  expect(evolve(next, 'c', columns({ x: 'STRUCT("b" DATE)' }))).toBe(next);
});

test('two decimals that widen in one artifact are one new generation', () => {
  const table = evolve(newTable('t', undefined), 'a', columns({ x: 'DECIMAL(4,1)', y: 'DECIMAL(4,1)' }));
  expect(evolve(table, 'b', columns({ x: 'DECIMAL(6,1)', y: 'DECIMAL(6,1)' })).generation).toBe(1);
});

test('integers widen to DOUBLE, and dates to TIMESTAMP, while each value so far is exact in it', () => {
  const exact = [
    { name: 'n', type: 'BIGINT', nullable: true, also: 'DOUBLE' },
    { name: 'd', type: 'DATE', nullable: true, also: 'TIMESTAMP' },
  ];
  const table = evolve(evolve(newTable('t', undefined), 'a', exact), 'b', columns({ n: 'SMALLINT' }));
  const wide = evolve(table, 'c', columns({ n: 'DOUBLE', d: 'TIMESTAMP' }));
  expect([typesOf(wide), wide.generation]).toEqual([{ n: 'DOUBLE', d: 'TIMESTAMP' }, 1]);
  expect(wide.columns.map(({ fixedBy, recast }) => [fixedBy, recast])).toEqual([
    ['c', true],
    ['c', true],
  ]);
  expect(() => evolve(wide, 'd', columns({ n: 'BIGINT' }))).toThrow('n: expected DOUBLE (fixed by c), found BIGINT');
  const unknown = evolve(table, 'c', columns({ n: 'BIGINT' }));
  expect(() => evolve(unknown, 'd', columns({ n: 'DOUBLE' }))).toThrow('n: expected BIGINT (fixed by a), found DOUBLE');
  expect(typesOf(evolve(unknown, 'd', columns({ d: 'TIMESTAMP' })))).toEqual({ n: 'BIGINT', d: 'TIMESTAMP' });
  const nanos = (also: object) => [{ name: 'd', type: 'TIMESTAMP_NS', nullable: true, ...also }];
  expect(typesOf(evolve(table, 'c', nanos({ also: 'TIMESTAMP' }))).d).toBe('TIMESTAMP');
  expect(() => evolve(table, 'c', nanos({}))).toThrow('d: expected DATE (fixed by a), found TIMESTAMP_NS');
  const whole = [{ name: 'n', type: 'DOUBLE', nullable: true, as: 'BIGINT' }];
  expect(evolve(table, 'c', whole)).toBe(table);
});

test('a column that had only NULL, and one of a declared type', () => {
  const open = evolve(newTable('t', undefined), 'a', columns({ n: '"NULL"' }));
  const whole = evolve(open, 'b', columns({ n: 'INTEGER' }));
  expect(typesOf(evolve(whole, 'c', columns({ n: 'FLOAT' })))).toEqual({ n: 'DOUBLE' });
  const declaration = { name: 'n', type: 'BIGINT', notNull: false };
  const declared = newTable('t', { name: 't', mode: 'append', key: [], orderBy: [], columns: [declaration] });
  const unchanged = evolve(declared, 'a', columns({ n: 'INTEGER' }));
  expect(() => evolve(unchanged, 'b', columns({ n: 'DOUBLE' }))).toThrow('n: expected BIGINT');
});

test('a journal of a version that did not open columns gives the types that it had', () => {
  const file = (type: string, as: string) => [{ name: 'n', type, nullable: true, as }];
  const open = evolve(newTable('t', undefined), 'a', file('INTEGER', '"NULL"'));
  const fixed = evolve(open, 'b', file('DOUBLE', 'BIGINT'));
  expect(fixed.columns).toMatchObject([{ type: 'BIGINT', fixedBy: 'b' }]);
  expect(typesOf(evolve(fixed, 'c', columns({ n: 'BIGINT' })))).toEqual({ n: 'BIGINT' });
});

test('a mismatch names every column with what is expected, what was found, and who fixed it', () => {
  const error = errorOf(() => evolve(first, 'r2/p/k/a', columns({ n: 'DATE', text: 'BLOB', price: 'DECIMAL(9,2)' })));
  expect(error.code).toBe('SCHEMA_MISMATCH');
  expect(error.message).toContain('r2/p/k/a does not fit canon.t');
  expect(error.details).toEqual([
    'n: expected BIGINT (fixed by r1/p/k/a), found DATE',
    'text: expected VARCHAR (fixed by r1/p/k/a), found BLOB',
  ]);
});

test('names that the views use themselves are refused, in any case of letters', () => {
  for (const name of ['filename', '_seq', '_SEQ', '_ordinal', '_artifact_key', '_Position'])
    expect(errorOf(() => evolve(newTable('t', undefined), 'a', columns({ [name]: 'BIGINT' })))).toMatchObject({
      code: 'COLUMN_UNSUPPORTED',
      details: [`${name}: the bus needs this name itself; rename the column`],
    });
});

test('SQL does not see the case of letters: two such columns, or one that the table writes otherwise, do not fit', () => {
  expect(errorOf(() => evolve(newTable('t', undefined), 'a', columns({ x: 'BIGINT', X: 'BIGINT' }))).details).toEqual([
    'X: the table writes this column x (fixed by a)',
  ]);
  expect(errorOf(() => evolve(first, 'b', columns({ Price: 'DECIMAL(9,2)' }))).details).toEqual([
    'Price: the table writes this column price (fixed by r1/p/k/a)',
  ]);
});

test('a file without columns fits no table', () => {
  expect(errorOf(() => evolve(newTable('t', undefined), 'a', [])).details).toEqual(['the file has no columns']);
});

test('the first file of a table has the columns by which it is ordered; later files may lack them', () => {
  const table = newTable('t', { name: 't', mode: 'upsert', key: ['k'], orderBy: ['at', 'Rank'], columns: [] });
  const required = { required: ['k'] };
  expect(errorOf(() => evolve(table, 'a', columns({ k: 'BIGINT', at: 'DATE' }), required)).details).toEqual([
    'Rank: order_by names this column, and neither the file nor the table has it',
  ]);
  const next = evolve(table, 'a', columns({ k: 'BIGINT', at: 'DATE', rank: 'NULL' }), required);
  expect(evolve(next, 'b', columns({ k: 'BIGINT' }), required)).toBe(next);
});

test('neither a key nor an order is a VARIANT, whose values may not be comparable', () => {
  const table = newTable('t', { name: 't', mode: 'upsert', key: ['k'], orderBy: ['at'], columns: [] });
  const file = (types: Record<string, string>) => () => evolve(table, 'a', columns(types), { required: ['k'] });
  const problem = 'key and order_by cannot name a VARIANT, because its values may have different types';
  expect(errorOf(file({ k: 'VARIANT', at: 'DATE' })).details).toEqual([`k: ${problem}`]);
  expect(errorOf(file({ k: 'BIGINT', AT: 'VARIANT' })).details).toEqual([`AT: ${problem}`]);
  expect(file({ k: 'BIGINT', at: 'DATE', v: 'VARIANT' })().columns).toHaveLength(3);
  const committed = { isCommitted: true, required: ['k'] };
  const both = columns({ k: 'VARIANT', at: 'DATE' });
  expect(errorOf(() => evolve(table, 'a', both, committed)).details).toEqual([`k: ${problem}`]);
  // The journal has the operation that set the key, so the daemon must start.
  expect(evolve(table, 'a', both, { ...committed, isKeySet: true }).columns).toHaveLength(2);
});

test('a forgotten artifact may lack the key and the order that an operation has set since', () => {
  const table = newTable('t', { name: 't', mode: 'upsert', key: ['k'], orderBy: ['at'], columns: [] });
  const options = { isCommitted: true, isKeySet: true, required: ['k', 'other'] };
  expect(errorOf(() => evolve(table, 'a', columns({ x: 'BIGINT' }), options)).details).toEqual([
    'other: the file lacks this column, which every row must have (fixed by bus_config.json)',
  ]);
  const first = evolve(table, 'a', columns({ x: 'BIGINT', other: 'DATE' }), options);
  expect(keyProblems(first)).toEqual([
    'k: the table lacks this column, which every row must have',
    'at: order_by names this column, and neither the file nor the table has it',
  ]);
  const otherwise = evolve(first, 'b', columns({ K: 'BIGINT', AT: 'DATE', other: 'DATE' }), options);
  expect(keyProblems(otherwise)).toEqual(['k: the table writes this column K, which every row must have']);
  const whole = evolve(first, 'b', columns({ k: 'BIGINT', at: 'DATE', other: 'DATE' }), options);
  expect([keyProblems(whole), whole.columns.find(({ name }) => name === 'k')?.required]).toEqual([[], true]);
  expect(
    errorOf(() => evolve(whole, 'c', columns({ x: 'BIGINT' }), { ...options, isCommitted: false })).details,
  ).toEqual([expect.stringContaining('k: the file lacks'), expect.stringContaining('other: the file lacks')]);
});

test('a column whose compacted files may have another type of number is marked, and no other', () => {
  const marked = ({ columns }: CanonTable) => columns.filter(({ recast }) => recast).map(({ name }) => name);
  expect(marked(first)).toEqual([]);
  const widened = evolve(first, 'r2/p/k/a', columns({ price: 'DECIMAL(18,4)', n: 'SMALLINT' }));
  expect(marked(widened)).toEqual(['price']);
  const types = { price: { type: 'DECIMAL(18,4)' }, n: { type: 'DOUBLE' }, size: { type: 'DOUBLE' } };
  const declared = newTable('t', {
    name: 't',
    mode: 'append',
    key: [],
    orderBy: [],
    columns: Object.entries(types).map(([name, { type }]) => ({ name, type, notNull: false })),
  });
  const same = evolve(declared, 'r1/p/k/a', columns({ price: 'DECIMAL(18,4)', n: 'DOUBLE', size: 'FLOAT' }));
  expect(same).toBe(declared);
  const mixed = evolve(declared, 'r1/p/k/a', columns({ price: 'DECIMAL(9,2)', n: 'INTEGER', size: 'DOUBLE' }));
  expect([marked(mixed), mixed.generation]).toEqual([['price', 'n'], 0]);
  expect(evolve(mixed, 'r2/p/k/a', columns({ price: 'DECIMAL(9,2)', n: 'INTEGER' }))).toBe(mixed);
  // Declared as DOUBLE when it was committed, and not declared any more.
  const left = evolve(first, 'r2/p/k/a', [{ name: 'n', type: 'BIGINT', nullable: true, as: 'DOUBLE' }]);
  expect(marked(left)).toEqual(['n']);
  const only = [{ name: 'n', type: 'BIGINT', nullable: true, as: 'DOUBLE' }];
  expect(marked(evolve(newTable('t', undefined), 'r1/p/k/a', only))).toEqual(['n']);
});

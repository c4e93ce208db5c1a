import { readFileSync } from 'node:fs';
import { markdownTable, withGenerated } from '@quantbot/tooling-config/generated';
import { expect, test } from 'vitest';
import { evolve } from './evolve.js';
import { mayHold } from './exact.js';
import { newTable } from './table.js';
import { fits, widened, widerByValues } from './types.js';

/**
 * Pairs of a file's type and a column's type, and what other formats do with them: what an INSERT
 * does, or how the column can change.
 */
const pairs: [file: string, table: string, duckLake: string, delta: string, iceberg: string][] = [
  ['TIMESTAMP_NS', 'TIMESTAMP', 'cuts nanoseconds off', 'has only microseconds', 'two types, no promotion'],
  ['TIMESTAMP', 'TIMESTAMP_NS', 'casts', 'has only microseconds', 'two types, no promotion'],
  [
    'TIMESTAMP WITH TIME ZONE',
    'TIMESTAMP',
    'casts in the zone of the session',
    'casts in the zone of the session',
    'two types, no promotion',
  ],
  ['DATE', 'TIMESTAMP', 'casts', 'casts', 'the engine casts'],
  ['TIMESTAMP', 'DATE', 'cuts the time of day off', 'can widen the column', 'can promote the column (version 3)'],
  ['TIMESTAMP_NS', 'DATE', 'cuts the time of day off', 'has only microseconds', 'can promote the column (version 3)'],
  ['INTEGER', 'BIGINT', 'casts', 'casts', 'the engine casts'],
  [
    'BIGINT',
    'INTEGER',
    'an error if out of range; can promote the column',
    'can widen the column',
    'can promote the column',
  ],
  ['BIGINT', 'DOUBLE', 'rounds beyond 2^53', 'casts', 'no promotion'],
  ['DOUBLE', 'BIGINT', 'rounds fractions', 'INT can widen to DOUBLE by hand, BIGINT cannot', 'no promotion'],
  ['FLOAT', 'DOUBLE', 'casts', 'casts', 'the engine casts'],
  ['UBIGINT', 'BIGINT', 'an error if out of range', 'has no unsigned types', 'has no unsigned types'],
  ['BIGINT', 'UBIGINT', 'an error if negative', 'has no unsigned types', 'has no unsigned types'],
  ['DECIMAL(9,2)', 'DECIMAL(18,4)', 'casts', 'casts', 'the engine casts'],
  ['DECIMAL(18,4)', 'DECIMAL(9,2)', 'rounds', 'can widen the column', 'can promote the precision, not the scale'],
  ['BIGINT', 'DECIMAL(18,2)', 'an error if out of range', 'casts', 'the engine casts'],
  ['DOUBLE', 'DECIMAL(18,2)', 'rounds', 'rounds', 'no promotion'],
  ['DECIMAL(18,2)', 'BIGINT', 'rounds fractions', 'can widen the column', 'no promotion'],
  ['DECIMAL(18,2)', 'DOUBLE', 'the nearest DOUBLE', 'the nearest DOUBLE', 'no promotion'],
  ['VARCHAR', 'BIGINT', 'casts, or an error', 'an error', 'no promotion'],
  [
    '"NULL"',
    'VARCHAR',
    'casts',
    'VOID, which any type can replace',
    '`unknown`, which any type can replace (version 3)',
  ],
  [
    'STRUCT("a" BIGINT, "b" BIGINT)',
    'STRUCT("a" BIGINT)',
    'drops the field; it can be added by hand',
    'can add the field',
    'can add the field',
  ],
];

function here(file: string, table: string): string {
  if (fits(file, table)) return 'takes it';
  const wide = widened(table, file);
  if (wide !== undefined) return `widens the column to \`${wide}\``;
  const wider = widerByValuesOf(file, table);
  const ways = [
    ...(mayHold(file, table) ? ['takes it if the column holds each value exactly'] : []),
    ...(wider === undefined ? [] : [`widens the column to \`${wider}\` if that holds each value so far`]),
  ];
  return ways.join('; otherwise ') || 'rejects it';
}

/** Returns the type that a column gets if the wider one holds each value of it and of the file. */
function widerByValuesOf(file: string, table: string): string | undefined {
  const also = widerByValues[table];
  if (also === undefined) return undefined;
  const column = (type: string) => [{ name: 'x', type, nullable: true, also }];
  const before = evolve(newTable('t', undefined), 'a', column(table));
  try {
    const type = evolve(before, 'b', column(file)).columns[0]?.type;
    return type === table ? undefined : type;
  } catch {
    return undefined;
  }
}

test('docs/reference/type-mapping.md compares pairs of types with other formats (else: pnpm docs:types)', async () => {
  const page = new URL('../../../../docs/reference/type-mapping.md', import.meta.url).pathname;
  const rows = pairs.map(([file, table, ...others]) => [`\`${file}\``, `\`${table}\``, here(file, table), ...others]);
  const table = markdownTable([['file', 'column', 'the bus', 'DuckLake', 'Delta', 'Iceberg'], ...rows]);
  const whole = withGenerated(readFileSync(page, 'utf8'), 'packages/bus-format/src/canon/exact.ts', table);
  await expect(whole).toMatchFileSnapshot(page);
});

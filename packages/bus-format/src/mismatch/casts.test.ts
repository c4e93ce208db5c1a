import { readFileSync } from 'node:fs';
import { markdownTable, withGenerated } from '@quantbot/tooling-config/generated';
import { expect, test } from 'vitest';
import { fits } from '../canon/types.js';
import { openMemoryDatabase, query } from '../duckdb.js';
import { castBetween } from './casts.js';
import { inDuckDb, inPandas, inPolars } from './mismatch.js';

/** Types of the page, each with values that every cast to another one can read. */
const samples: Record<string, (to: string) => string[]> = {
  BIGINT: () => ['0', '1'],
  UBIGINT: () => ['0', '1'],
  DOUBLE: () => ['0', '1'],
  'DECIMAL(18,4)': () => ['0', '1'],
  VARCHAR: to => (/^(DATE|TIMESTAMP)/.test(to) ? ["'2026-01-02'"] : ["'0'", "'1'"]),
  BLOB: () => ["'a'"],
  BOOLEAN: () => ['true', 'false'],
  DATE: () => ["'2026-01-02'"],
  TIMESTAMP: () => ["'2026-01-02 03:04:05.678'"],
  TIMESTAMP_NS: () => ["'2026-01-02 03:04:05.678'"],
  'TIMESTAMP WITH TIME ZONE': () => ["'2026-01-02 03:04:05.678+00'"],
};
const types = Object.keys(samples);
const pairs = types
  .flatMap(from => types.map(to => [from, to] as const))
  .flatMap(([from, to]) => {
    const cast = castBetween(from, to);
    return cast === undefined ? [] : [{ from, to, cast }];
  });

test('docs/reference/type-hints.md has what to type for each pair (else: pnpm docs:types)', async () => {
  const page = new URL('../../../../docs/reference/type-hints.md', import.meta.url).pathname;
  const code = (text: string) => `\`${text}\``;
  const rows = pairs.map(({ from, to, cast }) => [
    code(from),
    code(to),
    code(inPandas('x', cast)),
    code(inPolars('x', cast)),
    code(inDuckDb('x', cast.duckdb)),
    cast.loses ?? '',
  ]);
  const table = markdownTable([['file', 'table', 'pandas', 'polars', 'DuckDB', 'loses'], ...rows]);
  const whole = withGenerated(readFileSync(page, 'utf8'), 'packages/bus-format/src/mismatch/casts.ts', table);
  await expect(whole).toMatchFileSnapshot(page);
});

test('after the cast in DuckDB, the column fits the table', async () => {
  const database = await openMemoryDatabase({ memoryMb: 64, threads: 1 });
  try {
    expect(pairs.length).toBeGreaterThan(40);
    for (const { from, to, cast } of pairs) {
      const values = samples[from]?.(to).map(value => `(CAST(${value} AS ${from}))`);
      const [row] = await query<{ type: string; n: bigint }>(
        database.connection,
        `SELECT any_value(typeof("x y")) AS type, count("x y") AS n FROM (${inDuckDb('x y', cast.duckdb)} FROM (VALUES ${values}) t("x y"))`,
      );
      expect(row?.n, `${from} to ${to}`).toBe(BigInt(values?.length ?? 0));
      expect(fits(row?.type ?? '', to), `${from} to ${to}`).toBe(true);
    }
  } finally {
    database.close();
  }
});

test('types that are equal, nested or rare have no cast', () => {
  for (const [from, to] of [
    ['BIGINT', 'BIGINT'],
    ['BIGINT[]', 'DOUBLE[]'],
    ['UUID', 'VARCHAR'],
    ['DOUBLE', 'TIMESTAMP'],
  ] as const)
    expect(castBetween(from, to), `${from} to ${to}`).toBeUndefined();
});

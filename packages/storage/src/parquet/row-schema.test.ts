import { join } from 'node:path';
import { expect, expectTypeOf, test } from 'vitest';
import * as z from 'zod';
import { temporaryFolder } from '../../test/support/folder.js';
import { readParquet } from './read-parquet.js';
import { scanParquet } from './scan-parquet.js';
import { writeParquet } from './write-parquet.js';

const Trade = z.object({ symbol: z.string(), price: z.number().positive(), note: z.string().optional() });

async function tradesWith(prices: readonly number[]): Promise<string> {
  const path = join(temporaryFolder(), 'trades.parquet');
  const rows = prices.map((price, n) => ({ id: n, symbol: `s${n}`, price }));
  await writeParquet(path, rows, { id: 'BIGINT', symbol: 'VARCHAR', price: 'DOUBLE' });
  return path;
}

test('rows have the type of the schema, and only its columns are read; one that is optional may be missing', async () => {
  const path = await tradesWith([1, 2]);
  const rows = await readParquet(path, { rowSchema: Trade, where: 'id > 0' });
  expectTypeOf(rows).toEqualTypeOf<{ symbol: string; price: number; note?: string | undefined }[]>();
  expect(rows).toEqual([{ symbol: 's1', price: 2 }]);
  const strict = z.strictObject({ price: z.number() });
  expect(await readParquet(path, { rowSchema: strict })).toEqual([{ price: 1 }, { price: 2 }]);
});

test('the schema may change values on their way', async () => {
  const path = await tradesWith([1]);
  const cents = z.object({ price: z.number().transform(price => BigInt(Math.round(price * 100))) });
  expect(await readParquet(path, { rowSchema: cents })).toEqual([{ price: 100n }]);
});

test('a row that does not fit is an error that says which and why, in a read and in a scan', async () => {
  const path = await tradesWith([3, 2, -1]);
  const problem = {
    code: 'ROW_INVALID',
    message: expect.stringContaining('Row 3'),
    details: [expect.stringMatching(/^price: /)],
  };
  await expect(readParquet(path, { rowSchema: Trade })).rejects.toMatchObject(problem);
  const delivered: unknown[] = [];
  const scanned = (async () => {
    for await (const rows of scanParquet(path, { rowSchema: Trade, batchRows: 2 })) delivered.push(...rows);
  })();
  await expect(scanned).rejects.toMatchObject(problem);
  expect(delivered).toHaveLength(2);
});

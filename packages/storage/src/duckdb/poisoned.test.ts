import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { runIn } from '../../test/support/database.js';
import { temporaryFolder } from '../../test/support/folder.js';
import type { StorageError } from '../errors.js';
import { openDuckDb } from '../open-duckdb.js';
import { readParquet } from '../parquet/read-parquet.js';
import { scanParquet } from '../parquet/scan-parquet.js';
import { type WrittenFile, writeParquet } from '../parquet/write-parquet.js';

const odd = join(import.meta.dirname, '../../../bus-daemon/fixtures/parquet/variant-without-value.parquet');

async function all<T>(batches: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const batch of batches) found.push(batch);
  return found;
}

/** A good file, and one that makes DuckDB fail internally. */
async function files() {
  const folder = temporaryFolder();
  const [good, bad] = [join(folder, 'good.parquet'), join(folder, 'bad.parquet')];
  copyFileSync(odd, bad);
  await writeParquet(good, [{ a: 1n }], { a: 'BIGINT' });
  return { good, bad };
}

test('after a file on which DuckDB fails inside, other files can be read, scanned and written', async () => {
  const { good, bad } = await files();
  for (let round = 0; round < 2; round++) {
    await expect(readParquet(bad)).rejects.toMatchObject({ code: 'READ_FAILED' });
    expect(await readParquet(good)).toEqual([{ a: 1 }]);
    await expect(all(scanParquet(bad))).rejects.toMatchObject({ code: 'READ_FAILED' });
    expect(await all(scanParquet(good))).toEqual([[{ a: 1 }]]);
    await writeParquet(good, [{ a: 1n }], { a: 'BIGINT' });
  }
});

test('files that are read, scanned and written while DuckDB fails on others come back whole', async () => {
  const { good, bad } = await files();
  const errorCode = (error: StorageError) => error.code;
  for (let round = 0; round < 10; round++) {
    // At different moments: some begin when the database is broken, others are under way.
    const outcomes = Array.from({ length: 20 }, async (_, i) => {
      await setTimeout((i * round) / 4);
      if (i % 5 === 2) return readParquet(bad).catch(errorCode);
      if (i % 5 === 3) return all(scanParquet(good)).catch(errorCode);
      if (i % 5 === 4) return writeParquet(`${good}-${i}`, [{ a: 1n }], { a: 'BIGINT' }).catch(errorCode);
      return readParquet(good).catch(errorCode);
    });
    const expected = ['rows', 'rows', 'READ_FAILED', 'batches', 'written'];
    const named = (outcome: unknown) => {
      if (typeof outcome === 'string') return outcome;
      if (!Array.isArray(outcome)) return (outcome as WrittenFile).rows === 1 && 'written';
      return Array.isArray(outcome[0]) ? outcome[0][0].a === 1 && 'batches' : outcome[0].a === 1 && 'rows';
    };
    expect((await Promise.all(outcomes)).map(named)).toEqual(outcomes.map((_, i) => expected[i % 5]));
  }
});

test('a database handle answers again after a query on which DuckDB fails inside, and so do others of the same file', async () => {
  const { bad } = await files();
  const path = join(temporaryFolder(), 'x.duckdb');
  await runIn(path, 'CREATE TABLE t AS SELECT 1 AS a');
  await using db = await openDuckDb(path);
  await using other = await openDuckDb(path);
  await expect(db.query(`FROM read_parquet('${bad}')`)).rejects.toMatchObject({ code: 'READ_FAILED' });
  expect(await db.query('FROM t')).toEqual([{ a: 1 }]);
  await using late = await openDuckDb(path);
  expect(await late.query('FROM t')).toEqual([{ a: 1 }]);
  await expect(other.query('FROM t')).rejects.toMatchObject({ code: 'READ_FAILED' });
  expect(await other.query('FROM t')).toEqual([{ a: 1 }]);
});

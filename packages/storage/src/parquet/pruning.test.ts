import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../test/support/folder.js';
import { withMemoryConnection } from '../duckdb/memory-instance.js';
import { checkOptions, type ReadOptions } from './read-options.js';
import { openFiles, readParquet, readSql } from './read-parquet.js';
import { scanParquet } from './scan-parquet.js';
import { writeParquet } from './write-parquet.js';

interface PlanNode {
  operator_name?: string;
  extra_info?: { Projections?: string | string[]; Filters?: string };
  children?: PlanNode[];
}

/** A file with 100 row groups, sorted by `n`. */
async function manyRowGroups(): Promise<string> {
  const path = join(temporaryFolder(), 'many.parquet');
  const n = Array.from({ length: 100 * 2048 }, (_, i) => i);
  const columns = { n, twice: n.map(i => i * 2), text: n.map(i => `text ${i}`) };
  await writeParquet(path, columns, { n: 'BIGINT', twice: 'BIGINT', text: 'VARCHAR' }, { rowGroupSize: 2048 });
  return path;
}

/** Returns the facts of DuckDB's plan about the scan of such a file in a read. */
async function scanOf(options: ReadOptions, wanted?: readonly string[]) {
  const path = await manyRowGroups();
  const checked = checkOptions(options);
  const { files, chosen } = await openFiles(path, checked, { wanted, signal: undefined });
  try {
    return await withMemoryConnection(async connection => {
      await connection.run('SET threads = 1');
      const sql = readSql(files, chosen);
      const reader = await connection.runAndReadAll(`EXPLAIN (ANALYZE, FORMAT json) ${sql}`);
      const plan = JSON.parse(String(reader.getRows()[0]?.[1])) as PlanNode;
      return find(
        plan,
        node => /PARQUET|TABLE_SCAN/.test(node.operator_name ?? '') && node.extra_info?.Projections !== undefined,
      );
    });
  } finally {
    await files.close();
  }
}

function find(node: PlanNode, isIt: (node: PlanNode) => boolean): PlanNode | undefined {
  if (isIt(node)) return node;
  for (const child of node.children ?? []) {
    const found = find(child, isIt);
    if (found !== undefined) return found;
  }
  return undefined;
}

test('only the columns that are named reach the scan of the file', async () => {
  const scan = await scanOf({ columns: ['text'] });
  expect([scan?.extra_info?.Projections].flat()).toEqual(['text']);
});

test('so do those of a row schema', async () => {
  const scan = await scanOf({}, ['twice', 'missing']);
  expect([scan?.extra_info?.Projections].flat()).toEqual(['twice']);
});

test('a condition reaches the scan', async () => {
  const scan = await scanOf({ columns: ['n'], where: 'n = 100000' });
  expect(scan?.extra_info?.Filters).toContain('n=100000');
});

test('row groups that a condition rules out by their statistics are not even read: damage in them goes unnoticed', async () => {
  const path = await manyRowGroups();
  const bytes = readFileSync(path);
  bytes.fill(0xff, 4, 1000); // pages of the first row group
  writeFileSync(path, bytes);
  expect(await readParquet(path, { where: 'n = 100000' })).toEqual([
    { n: 100_000, twice: 200_000, text: 'text 100000' },
  ]);
  const scanned: unknown[] = [];
  for await (const rows of scanParquet(path, { columns: ['n'], where: 'n >= 204798' })) scanned.push(...rows);
  expect(scanned).toEqual([{ n: 204_798 }, { n: 204_799 }]);
  await expect(readParquet(path)).rejects.toThrow();
});

import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { openMemoryDatabase, query } from '@quantbot/bus-format/duckdb';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, onTestFinished, test } from 'vitest';
import { BulkWriter } from './bulk-writer.js';

const entry = fileURLToPath(new URL('../dist/worker.js', import.meta.url));

/** A writer that takes a memory limit below 300 MB for one in which no statement can run. */
function cramped(folder: string): BulkWriter {
  const worker = join(folder, 'worker.mjs');
  const code = 'if (task.memoryMb < 300) task.memoryMb = 1;';
  writeFileSync(
    worker,
    `import '${pathToFileURL(entry)}'; process.prependListener('message', ({ task }) => { ${code} });`,
  );
  const writer = new BulkWriter('write', { idleMs: 60_000, entry: worker });
  onTestFinished(() => writer.close());
  return writer;
}

const select = {
  setup: [],
  sql: 'SELECT range AS a, range % 2 AS half FROM range(100000) ORDER BY hash(range)',
  untrusted: false,
  readable: [],
  file: { compression: 'zstd' as const },
};

test('what needs more than the usual memory is written with all that it may have, and with no more', async () => {
  const folder = temporaryFolder();
  const writer = cramped(folder);
  const path = join(folder, 'a.parquet');
  await expect(writer.write({ task: 'copy', ...select, path, memoryMb: 200 }, 60_000)).rejects.toThrow('Out of Memory');
  expect(await writer.write({ task: 'copy', ...select, path, memoryMb: 300 }, 60_000)).toEqual({ rows: 100_000 });
  const parts = join(folder, 'parts');
  mkdirSync(parts);
  writeFileSync(join(parts, 'half-written.parquet'), '');
  const partition = { ...select, folder: parts, fileName: 'p.parquet', partitionBy: ['half'], memoryMb: 300 };
  expect(await writer.write({ task: 'partition', ...partition }, 60_000)).toHaveLength(2);
  expect(readdirSync(parts).sort()).toEqual(['half-0', 'half-1']);
});

test('rows that are too large to be held are streamed in their order, whatever the file or partition', async () => {
  const folder = temporaryFolder();
  const database = await openMemoryDatabase({ memoryMb: 512, threads: 1 });
  onTestFinished(() => database.close());
  // 30 MB in memory, and 2 KB on the disk. Few small rows would be collected into one chunk.
  const large = `SELECT {text: repeat('y', 1000000) || range} AS large, range AS n, range % 2 AS half FROM range(30)`;
  const source = join(folder, 'large.parquet');
  await database.connection.run(`COPY (${large}) TO '${source}' (FORMAT parquet, COMPRESSION zstd)`);
  const files = Array.from({ length: 12 }, () => `'${source}'`);
  const sql = `SELECT *, file_index AS file FROM read_parquet([${files}])`;
  const streamed = { setup: ['SET VARIABLE answer = 42'], sql: `${sql} WHERE getvariable('answer') = 42` };
  const task = { ...select, sql: `${sql} ORDER BY n`, streamed: () => streamed, memoryMb: 300 };
  const writer = new BulkWriter('write', { idleMs: 60_000, entry });
  onTestFinished(() => writer.close());
  const path = join(folder, 'a.parquet');
  const { streamed: _, ...held } = task;
  await expect(writer.write({ task: 'copy', ...held, path }, 60_000)).rejects.toThrow('Out of Memory');
  rmSync(path, { force: true });
  expect(await writer.write({ task: 'copy', ...task, path }, 60_000)).toEqual({ rows: 360 });
  const order = (file: string) =>
    query(
      database.connection,
      `SELECT list(file * 30 + n) AS places, max(length(large.text)) AS length FROM '${file}'`,
    );
  const all = Array.from({ length: 360 }, (_, place) => BigInt(place));
  expect(await order(path)).toEqual([{ places: all, length: 1_000_002n }]);
  const parts = join(folder, 'parts');
  mkdirSync(parts);
  const partition = { ...task, folder: parts, fileName: 'p.parquet', partitionBy: ['half'] };
  const [, odd] = await writer.write({ task: 'partition', ...partition }, 60_000);
  expect(await order(join(parts, odd?.path ?? ''))).toMatchObject([{ places: all.filter(place => place % 2n) }]);
});

test('work in turn never overlaps, and goes on after a failure', async () => {
  const writer = new BulkWriter('write', { idleMs: 60_000, entry });
  onTestFinished(() => writer.close());
  const seen: string[] = [];
  const work = (name: string, fails = false) =>
    writer.inTurn(async () => {
      seen.push(`${name} begins`);
      await new Promise(resolve => setTimeout(resolve, 5));
      seen.push(`${name} ends`);
      if (fails) throw new Error(name);
    });
  const [first, second] = [work('first', true), work('second')];
  await expect(first).rejects.toThrow('first');
  await second;
  expect(seen).toEqual(['first begins', 'first ends', 'second begins', 'second ends']);
});

test('a writer that was closed writes nothing more', async () => {
  const folder = temporaryFolder();
  const writer = new BulkWriter('write', { idleMs: 60_000, entry });
  writer.close();
  const path = join(folder, 'a.parquet');
  await expect(writer.write({ task: 'copy', ...select, path, memoryMb: 300 }, 60_000)).rejects.toMatchObject({
    code: 'WORKER_DIED',
  });
  expect(existsSync(path)).toBe(false);
});

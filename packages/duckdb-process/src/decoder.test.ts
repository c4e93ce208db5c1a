import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openMemoryDatabase } from '@quantbot/bus-format/duckdb';
import { withoutNullCount } from '@quantbot/bus-format/testing';
import { parseBusConfig } from '@quantbot/infra/config';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, onTestFinished, test } from 'vitest';
import { WorkerProcess } from './client.js';
import { decode } from './decode.js';
import type { ExactAnswer } from './decode-task.js';
import { decodeAlone, decodeBudget } from './decoder.js';
import { decodingMemoryMb, exportMemoryMb, queryMemoryMb, writingMemoryMb } from './memory.js';

const entry = fileURLToPath(new URL('../test/support/obedient-worker.mjs', import.meta.url));
const { limits } = parseBusConfig('{}', '/bus_config.json');

/** A worker that is killed when it decodes. One with the name `doomed` is killed by any task. */
function mortalWorker(name: string) {
  const worker = new WorkerProcess(name, { idleMs: 60_000, entry });
  onTestFinished(() => worker.close());
  return worker;
}
const deadly = { files: [{ path: 'die', rows: 0, bytes: 0 }], required: [] };

test('a file whose process is killed each time is too complex', async () => {
  expect(await decodeAlone(mortalWorker('mortal'), deadly, limits)).toEqual({
    tooComplex: expect.stringMatching(/^3 times in a row: .*SIGKILL/),
  });
});

test('when every process is killed, whatever it does, no file is blamed', async () => {
  await expect(decodeAlone(mortalWorker('doomed'), deadly, limits)).rejects.toMatchObject({ code: 'WORKER_KILLED' });
});

test('a worker that was ended for good is not started again', async () => {
  const worker = mortalWorker('ended');
  const hanging = decodeAlone(worker, { ...deadly, files: [{ path: 'hang', rows: 0, bytes: 0 }] }, limits);
  setTimeout(() => worker.close(), 300);
  await expect(hanging).rejects.toMatchObject({ code: 'WORKER_DIED' });
});

test('a larger file may cost more time', () => {
  const mib = 1024 * 1024;
  expect([0, 10 * mib, 100 * mib].map(bytes => decodeBudget(limits, bytes).cpuMs)).toEqual([10_000, 20_000, 110_000]);
});

test('to write the rows of a file may take more memory than to read them', () => {
  for (const decodeMemoryMb of [512, 600])
    expect(writingMemoryMb({ ...limits, decodeMemoryMb })).toBe(2 * decodeMemoryMb);
});

test('a file that only DuckDB can read is not broken', async () => {
  const path = join(temporaryFolder(), 'x.parquet');
  writeFileSync(path, withoutNullCount);
  const task = { task: 'decode' as const, required: [], memoryMb: 100, narrowedColumns: ['x'] };
  expect(await decode({ ...task, files: [{ path, rows: 2, bytes: withoutNullCount.length }] })).toEqual({
    unsupported: expect.stringContaining('the column x cannot be checked'),
  });
});

test('the first value of each file that another type does not hold is found, for many types at once', async () => {
  const folder = temporaryFolder();
  const paths = ['a', 'b'].map(name => join(folder, `${name}.parquet`));
  const { connection, close } = await openMemoryDatabase({ memoryMb: 100, threads: 1 });
  for (const [index, path] of paths.entries())
    await connection.run(
      `COPY (SELECT * FROM (VALUES (1.0, 7.0), (NULL, -0.25), (${index} + 0.5, -1.0)) t (x, y)) TO '${path}' (FORMAT parquet)`,
    );
  close();
  const columns = ['x', 'y'].map(name => ({ name, type: 'DECIMAL(3,2)', nullable: true }));
  const ask = (column: string, as: string) => ({
    column,
    type: 'DECIMAL(3,2)',
    as,
    holds: `coalesce(TRY_CAST("${column}" AS ${as}) = "${column}", "${column}" IS NULL)`,
  });
  const questions = [ask('x', 'BIGINT'), ask('y', 'BIGINT'), ask('y', 'UBIGINT'), ask('x', 'DOUBLE')];
  const files = paths.map(path => ({ path, rows: 3, bytes: 1000 }));
  const task = { task: 'decode' as const, required: [], memoryMb: 100, columns, questions };
  const found = await decode({ ...task, files });
  const misfitsOf = ({ column, as, misfits }: ExactAnswer) => [
    column,
    as,
    ...paths.map(path => misfits.find(misfit => misfit.path === path)?.value),
  ];
  expect('answers' in found && found.answers.map(misfitsOf)).toEqual([
    ['x', 'BIGINT', '0.50', '1.50'],
    ['y', 'BIGINT', '-0.25', '-0.25'],
    ['y', 'UBIGINT', '-0.25', '-0.25'],
    ['x', 'DOUBLE', undefined, undefined],
  ]);
});

test.each([2000, 3000, 16_000])('two files, an export and five queries fit into %i MB', memoryLimitMb => {
  const config = parseBusConfig(JSON.stringify({ memory_limit: `${memoryLimitMb} MB` }), '/bus_config.json');
  const query = queryMemoryMb(config.limits);
  const decoding = decodingMemoryMb(config.limits);
  expect(decodeBudget(config.limits, 0).memoryMb).toBe(Math.min(512, decoding));
  expect(writingMemoryMb(config.limits)).toBe(2 * decoding);
  expect(exportMemoryMb(config)).toBeLessThanOrEqual(2 * decoding);
  expect(2 * decoding + 2 * decoding + 5 * query).toBeLessThanOrEqual(memoryLimitMb - 750);
  expect(Math.min(query, decoding)).toBeGreaterThanOrEqual(100);
});

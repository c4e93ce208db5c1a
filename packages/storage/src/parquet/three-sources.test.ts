import { hash } from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { temporaryFolder } from '../../test/support/folder.js';
import { type Serving, serveFolder } from '../../test/support/served-folder.js';
import { readParquet, readParquetColumns } from './read-parquet.js';
import { scanParquet } from './scan-parquet.js';
import { writeParquet } from './write-parquet.js';

const count = 20_000;
const schema = { n: 'BIGINT', name: 'VARCHAR', list: 'INTEGER[]' };
const rowOf = (n: number) => ({ n, name: hash('sha256', `${n}`), list: [n % 7, n % 5] });

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'user');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret-of-the-test');
  return () => vi.unstubAllEnvs();
});

async function write(name: string, rows: readonly object[]): Promise<void> {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  await writeParquet(path, rows, schema, { rowGroupSize: 10_240 });
}

/** Returns what names a file of the folder in each kind of source. */
async function sourcesOf(kind: string, serving?: Serving) {
  const { url, sent } = await serveFolder(folder, serving);
  vi.stubEnv('AWS_ENDPOINT_URL_S3', url);
  const root = { path: folder, https: `${url}/exports`, s3: 's3://bucket' }[kind] as string;
  return { sent, of: (name: string) => `${root}/${name}` };
}

const refusal = (code: string) => expect.objectContaining({ name: 'StorageError', code });

describe.each(['path', 'https', 's3'])('a file read by %s', kind => {
  test('has the same values with each option', async () => {
    await write(
      't.parquet',
      Array.from({ length: 20 }, (_, n) => rowOf(n)),
    );
    const source = (await sourcesOf(kind)).of('t.parquet');
    expect(await readParquet(source)).toEqual(Array.from({ length: 20 }, (_, n) => rowOf(n)));
    const asked = { columns: ['n'], where: 'n >= ? AND name IS NOT NULL', params: [17] };
    expect(await readParquet(source, asked)).toEqual([{ n: 17 }, { n: 18 }, { n: 19 }]);
    const last = { orderBy: { column: 'n', direction: 'desc' }, limit: 1, columns: ['n'] } as const;
    expect(await readParquet(source, { ...last, int64: 'bigint' })).toEqual([{ n: 19n }]);
    expect(await readParquet(source, { ...last, rowSchema: z.object({ n: z.number() }) })).toEqual([{ n: 19 }]);
    expect(await readParquetColumns(source, { columns: ['n'], limit: 2, typedArrays: true })).toEqual({
      n: new Float64Array([0, 1]),
    });
    const batches: unknown[] = [];
    for await (const rows of scanParquet(source, { columns: ['n'], batchRows: 15 })) batches.push(rows.length);
    expect(batches).toEqual([15, 5]);
    expect(await readParquet([source, source], { columns: ['n'] })).toHaveLength(40);
  });

  test('has the same errors', async () => {
    await write('t.parquet', [rowOf(1)]);
    for (const [name, content] of [
      ['text.parquet', 'no parquet'],
      ['empty.parquet', ''],
      ['cut.parquet', `PAR1${'x'.repeat(600_000)}PAR1`],
    ] as const)
      writeFileSync(join(folder, name), content);
    const { of } = await sourcesOf(kind);
    const source = of('t.parquet');
    const refused: [string, object, string][] = [
      [of('missing.parquet'), {}, 'FILE_NOT_FOUND'],
      [of('text.parquet'), {}, 'NOT_PARQUET'],
      [of('cut.parquet'), {}, 'NOT_PARQUET'],
      [source, { columns: ['x'] }, 'COLUMN_NOT_FOUND'],
      [source, { where: 'n >' }, 'QUERY_FAILED'],
      [source, { limit: -1 }, 'OPTIONS_INVALID'],
      [source, { rowSchema: z.object({ n: z.string() }) }, 'ROW_INVALID'],
    ];
    if (kind !== 'https') refused.push([of('empty.parquet'), {}, 'NOT_PARQUET']); // no part of it can be served
    for (const [of, options, code] of refused) {
      await expect(readParquet(of, options), `${of} ${code}`).rejects.toEqual(refusal(code));
      const scan = async () => {
        for await (const _ of scanParquet(of, options));
      };
      await expect(scan(), `${of} ${code}`).rejects.toEqual(refusal(code));
    }
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(readParquet(source, { signal })).rejects.toThrow('enough');
  });
});

describe.each(['path', 's3'])('a folder or glob read by %s', kind => {
  test('has the rows of its files by name, and of no other', async () => {
    for (const [n, name] of ['d/b.parquet', 'd/a.parquet', 'd/.c.parquet', 'd/k=1/z.parquet', 'e.parquet'].entries())
      await write(name, [rowOf(n)]);
    writeFileSync(join(folder, 'd/note.txt'), 'no parquet');
    await write('d/odd[1].parquet', [rowOf(9)]);
    const { of } = await sourcesOf(kind);
    const numbers = async (name: string, more = {}) =>
      (await readParquet<{ n: number }>(of(name), { columns: ['n'], ...more })).map(({ n }) => n);
    expect(await numbers('d')).toEqual([1, 0, 3, 9]);
    expect(await numbers('d/')).toEqual([1, 0, 3, 9]);
    expect(await numbers('d/*.parquet')).toEqual([1, 0, 9]);
    expect(await numbers('**/{a,e,z}.parquet')).toEqual([1, 3, 4]);
    expect(await numbers('d/odd[1].parquet')).toEqual([9]);
    for (const name of ['nothing', 'nothing/*.parquet', 'd/note'])
      await expect(numbers(name), name).rejects.toEqual(refusal('FILE_NOT_FOUND'));
  });

  test('has the partitions of its folders as columns', async () => {
    await write('h/k=1/a.parquet', [rowOf(1)]);
    await write('h/k=2/a.parquet', [rowOf(2)]);
    const { of } = await sourcesOf(kind);
    const options = { hivePartitioning: true, columns: ['n', 'k'], where: 'k = 2' };
    expect(await readParquet(of('h'), options)).toEqual([{ n: 2, k: 2 }]);
  });
});

describe('an object', () => {
  test('is fetched in parts: only the columns of a read', async () => {
    await write(
      't.parquet',
      Array.from({ length: count }, (_, n) => rowOf(n)),
    );
    const { of, sent } = await sourcesOf('s3');
    const rows = await readParquet<{ n: number }>(of('t.parquet'), { columns: ['n'] });
    expect([rows.length, rows.at(-1)]).toEqual([count, { n: count - 1 }]);
    const some = sent.splice(0).reduce((total, bytes) => total + bytes, 0);
    expect((await readParquet(of('t.parquet'))).length).toBe(count);
    expect(some).toBeLessThan(sent.reduce((total, bytes) => total + bytes, 0) * 0.6);
  });

  test.each([
    [1, undefined],
    [Number.POSITIVE_INFINITY, 'FILE_CHANGED'],
  ])('that is replaced %d times between requests is read as it is, or is an error', async (times, code) => {
    const rowsFrom = (first: number) => Array.from({ length: count }, (_, n) => rowOf(first + n));
    await write('t.parquet', rowsFrom(0));
    await write('newer.parquet', rowsFrom(1_000_000));
    let requests = 0;
    let replaced = 0;
    const { of } = await sourcesOf('s3', {
      before: () => {
        if (++requests % 2 === 0 && replaced < times) {
          replaced++;
          for (const [from, to] of [
            ['t', 'x'],
            ['newer', 't'],
            ['x', 'newer'],
          ] as const)
            renameSync(join(folder, `${from}.parquet`), join(folder, `${to}.parquet`));
        }
        return false;
      },
    });
    const reading = readParquet(of('t.parquet'), { columns: ['n'], limit: 1 });
    if (code === undefined) expect(await reading).toEqual([{ n: 1_000_000 }]);
    else await expect(reading).rejects.toEqual(refusal(code));
  });

  test('of a store that refuses, does not answer, or is not named well is an error without a secret', async () => {
    await write('t.parquet', [rowOf(1)]);
    const denied = await sourcesOf('s3', {
      before: answer => Boolean(answer.writeHead(403).end('<Error><Code>AccessDenied</Code></Error>')),
    });
    const error = await readParquet(denied.of('t.parquet')).catch((error: unknown) => error as Error);
    expect(error).toMatchObject({ code: 'OBJECT_STORE_DENIED' });
    expect(`${(error as Error).stack}${JSON.stringify(error)}`).not.toContain('secret-of-the-test');
    for (const url of ['s3://', 's3://bucket', 's3://bucket//t', 's3://bucket/../t', 's3://user:pass@bucket/t']) {
      const error = await readParquet(url).catch((error: unknown) => error as Error);
      expect(error, url).toMatchObject({ code: 'OPTIONS_INVALID' });
      expect(String(error)).not.toContain('pass');
    }
    const silent = await sourcesOf('s3', { before: () => true });
    const signal = AbortSignal.timeout(50);
    await expect(readParquet(silent.of('t.parquet'), { signal })).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});

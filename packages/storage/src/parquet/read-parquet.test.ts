import { appendFileSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeEach, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../test/support/folder.js';
import { readParquet } from './read-parquet.js';
import { scanParquet } from './scan-parquet.js';
import { writeParquet } from './write-parquet.js';

let folder: string;
const path = (name: string): string => join(folder, name);
const numbers = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ n: from + i, s: `s${(from + i) % 3}` }));
const schema = { n: 'BIGINT', s: 'VARCHAR' };

beforeEach(async () => {
  folder = temporaryFolder();
  await writeParquet(path('a.parquet'), numbers(0, 5), schema);
});

describe('readParquet', () => {
  test('columns, condition, order and limit', async () => {
    const rows = await readParquet(path('a.parquet'), {
      columns: ['n'],
      where: 's <> ? AND n > ?',
      params: ['s2', 0],
      orderBy: { column: 'n', direction: 'desc' },
      limit: 2,
    });
    expect(rows).toEqual([{ n: 4 }, { n: 3 }]);
  });

  test('a folder, a glob or a list of files, in the order of their names', async () => {
    mkdirSync(path('deep'));
    await writeParquet(path('deep/b.parquet'), numbers(10, 2), schema);
    writeFileSync(path('.unfinished.parquet'), 'x');
    const all = [...numbers(0, 5), ...numbers(10, 2)];
    expect(await readParquet(folder)).toEqual(all);
    expect(await readParquet(`${folder}/**/*.parquet`)).toEqual(all);
    expect(await readParquet([path('deep/b.parquet'), path('a.parquet')])).toEqual([
      ...numbers(10, 2),
      ...numbers(0, 5),
    ]);
  });

  test.each(["it's [1] *?.parquet", 'key=value.parquet', 'ü {a,b}.parquet'])('a file whose name is %s', async name => {
    renameSync(path('a.parquet'), path(name));
    expect(await readParquet(path(name))).toEqual(numbers(0, 5));
    expect(await readParquet(pathToFileURL(path(name)).href)).toEqual(numbers(0, 5));
  });

  test('key=value folders do not become columns', async () => {
    mkdirSync(path('n=7'));
    await writeParquet(path('n=7/b.parquet'), numbers(1, 1), schema);
    expect(await readParquet(path('n=7'))).toEqual(numbers(1, 1));
  });

  test('values go into params: text of the condition cannot be closed by them', async () => {
    expect(await readParquet(path('a.parquet'), { where: 's = ?', params: ["' OR true --"] })).toEqual([]);
  });

  test.each<[string, () => Promise<unknown>, string]>([
    ['a path where nothing is', () => readParquet(path('nothing.parquet')), 'FILE_NOT_FOUND'],
    ['a URL where nothing is', () => readParquet(pathToFileURL(path('nothing.parquet')).href), 'FILE_NOT_FOUND'],
    ['a URL of another machine', () => readParquet('file://elsewhere/a.parquet'), 'OPTIONS_INVALID'],
    ['a URL that is no path', () => readParquet('file:///a%2Fb.parquet'), 'OPTIONS_INVALID'],
    ['a glob that matches nothing', () => readParquet(`${folder}/*.csv`), 'FILE_NOT_FOUND'],
    [
      'a column that is not there, with a suggestion',
      () => readParquet(path('a.parquet'), { columns: ['m'] }),
      'COLUMN_NOT_FOUND',
    ],
    ['a condition that is no SQL', () => readParquet(path('a.parquet'), { where: 'n >' }), 'QUERY_FAILED'],
    [
      'a second statement in the condition',
      () => readParquet(path('a.parquet'), { where: 'true); DROP TABLE x; SELECT (1' }),
      'QUERY_FAILED',
    ],
    ['params without a condition', () => readParquet(path('a.parquet'), { params: [1] }), 'OPTIONS_INVALID'],
  ])('refuses %s', async (_, read, code) => {
    await expect(read()).rejects.toMatchObject({ code, hint: expect.any(String) });
  });

  test('refuses files whose columns differ, and says how', async () => {
    await writeParquet(path('b.parquet'), [{ n: 1.5, s: 'x' }], { n: 'DOUBLE', s: 'VARCHAR' });
    await expect(readParquet(folder)).rejects.toMatchObject({
      code: 'SCHEMA_DIFFERS',
      details: [expect.stringMatching(/^n: BIGINT in .*a\.parquet, DOUBLE in .*b\.parquet$/)],
    });
    expect(await readParquet(folder, { columns: ['s'] })).toHaveLength(6);
  });

  test('refuses partitions whose columns differ, other than those of the folders', async () => {
    for (const day of ['day=1', 'day=2']) mkdirSync(path(day));
    const hive = { hivePartitioning: true };
    await writeParquet(path('day=1/a.parquet'), [{ n: 1, day: 1 }], { n: 'BIGINT', day: 'BIGINT' });
    await writeParquet(path('day=2/b.parquet'), [{ n: 2 }], { n: 'BIGINT' });
    const [one, two] = [path('day=1/a.parquet'), path('day=2/b.parquet')];
    const rows = [
      { n: 1, day: 1 },
      { n: 2, day: 2 },
    ];
    expect(await readParquet([one, two], hive)).toEqual(rows);
    expect(await readParquet([one, two], { ...hive, columns: ['day'], where: 'day = 2' })).toEqual([{ day: 2 }]);
    await writeParquet(two, [{ n: 1.5, s: 'x' }], { n: 'DOUBLE', s: 'VARCHAR' });
    await expect(readParquet([one, two], hive)).rejects.toMatchObject({
      code: 'SCHEMA_DIFFERS',
      details: [expect.stringMatching(/^n: BIGINT in .*, DOUBLE in /), expect.stringMatching(/^s: missing in /)],
    });
    await expect(readParquet([one, two], { ...hive, columns: ['day', 'n'] })).rejects.toMatchObject({
      code: 'SCHEMA_DIFFERS',
    });
    expect(await readParquet([one, two], { ...hive, columns: ['day'] })).toEqual([{ day: 1 }, { day: 2 }]);
  });

  test('refuses a file that is cut off', async () => {
    truncateSync(path('a.parquet'), 100);
    await expect(readParquet(path('a.parquet'))).rejects.toMatchObject({ code: 'NOT_PARQUET' });
  });

  test('ends with the reason of a signal', async () => {
    await expect(readParquet(path('a.parquet'), { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
      'enough',
    );
  });
});

describe('scanParquet', () => {
  const rows = 200_000;
  beforeEach(async () => {
    const columns = {
      n: Array.from({ length: rows }, (_, i) => i),
      s: Array.from({ length: rows }, (_, i) => `text number ${i * 7919}`),
    };
    await writeParquet(path('big.parquet'), columns, schema, { rowGroupSize: 10_000, compression: 'uncompressed' });
  });

  test('gives every row once, in batches of the size that was asked for', async () => {
    const sizes: number[] = [];
    let sum = 0;
    for await (const batch of scanParquet(path('big.parquet'), { columns: ['n'], batchRows: 30_000 })) {
      sizes.push(batch.length);
      for (const row of batch) sum += row.n;
    }
    expect(sizes).toEqual([30_000, 30_000, 30_000, 30_000, 30_000, 30_000, 20_000]);
    expect(sum).toBe((rows * (rows - 1)) / 2);
  });

  test('with a condition and an order', async () => {
    const seen: number[] = [];
    for await (const batch of scanParquet(path('big.parquet'), {
      columns: ['n'],
      where: 'n % 50000 = ?',
      params: [1],
      orderBy: { column: 'n', direction: 'desc' },
    }))
      seen.push(...batch.map(row => row.n));
    expect(seen).toEqual([150_001, 100_001, 50_001, 1]);
  });

  test('can be sorted by a column that is not chosen, however it is spelled', async () => {
    const options = { where: 'n < 4', orderBy: [{ column: 'N', direction: 'desc' }, 's'], limit: 3 } as const;
    for (const columns of [['s'], ['s', 'n']]) {
      const seen: unknown[] = [];
      for await (const batch of scanParquet(path('big.parquet'), { ...options, columns })) seen.push(...batch);
      expect(seen).toEqual(await readParquet(path('big.parquet'), { ...options, columns }));
      expect(seen).toHaveLength(3);
    }
  });

  test('goes on with the file it began with when another is renamed over it, or it is removed', async () => {
    let count = 0;
    for await (const batch of scanParquet(path('big.parquet'), { batchRows: 5000 })) {
      if (count === 0) {
        await writeParquet(path('other.parquet'), numbers(0, 1), schema);
        renameSync(path('other.parquet'), path('big.parquet'));
        rmSync(path('big.parquet'));
      }
      count += batch.length;
    }
    expect(count).toBe(rows);
  });

  test('never ends quietly when the file is cut off under it', async () => {
    const scan = async () => {
      let first = true;
      for await (const _ of scanParquet(path('big.parquet'), { batchRows: 2000 })) {
        if (first) truncateSync(path('big.parquet'), 20_000);
        first = false;
      }
    };
    await expect(scan()).rejects.toMatchObject({
      code: expect.stringMatching(/^(SCAN_INCOMPLETE|FILE_CHANGED|READ_FAILED)$/),
    });
  });

  test('notices that the file was written to', async () => {
    const scan = async () => {
      for await (const _ of scanParquet(path('big.parquet'), { batchRows: 50_000 }))
        appendFileSync(path('big.parquet'), 'x');
    };
    await expect(scan()).rejects.toMatchObject({
      code: expect.stringMatching(/^(SCAN_INCOMPLETE|FILE_CHANGED|READ_FAILED)$/),
    });
  });

  test('can be left at any time, and ends with the reason of a signal', async () => {
    for await (const _ of scanParquet(path('big.parquet'))) break;
    const controller = new AbortController();
    const scan = async () => {
      for await (const _ of scanParquet(path('big.parquet'), { signal: controller.signal, batchRows: 1000 }))
        controller.abort(new Error('enough'));
    };
    await expect(scan()).rejects.toThrow('enough');
  });
});

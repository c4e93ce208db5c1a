import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../test/support/folders.js';
import { compact, parquetFile } from '../../test/support/thrift-bytes.js';
import { verdictOf } from '../../test/support/verdict.js';
import { maxFooterBytes, readParquetFooter } from './footer.js';

describe('what a footer claims is bounded before it is believed', () => {
  const schema = compact.list('struct', [
    compact.struct([4, compact.text('schema')], [5, compact.i32(1)]),
    compact.struct([1, compact.i32(2)], [3, compact.i32(0)], [4, compact.text('x')]),
  ]);
  const chunk = (values: number, more: Parameters<typeof compact.struct> = []) =>
    compact.struct(
      ...more,
      [2, compact.i64(4)],
      [
        3,
        compact.struct(
          [1, compact.i32(2)],
          [2, compact.list('i32', [compact.i32(0)])],
          [3, compact.list('binary', [compact.text('x')])],
          [4, compact.i32(0)],
          [5, compact.i64(values)],
          [6, compact.i64(8)],
          [7, compact.i64(8)],
          [9, compact.i64(4)],
        ),
      ],
    );
  const group = (rows: number, chunks: Buffer[]) =>
    compact.struct([1, compact.list('struct', chunks)], [2, compact.i64(8)], [3, compact.i64(rows)]);
  const footer = (rows: number, groups: Buffer[]) =>
    compact.struct([1, compact.i32(1)], [2, schema], [3, compact.i64(rows)], [4, compact.list('struct', groups)]);

  test('the footer that the following ones vary is good', async () => {
    expect(await verdictOf(parquetFile(footer(1, [group(1, [chunk(1)])])), temporaryFolder())).toBe('1 rows');
  });

  test.each([
    ['rows that its row groups do not have', footer(1_000_000_000, [group(1, [chunk(1)])])],
    ['rows that its columns do not have', footer(1_000_000_000, [group(1_000_000_000, [chunk(1)])])],
    ['more rows than a number can hold', footer(2 ** 62, [group(2 ** 62, [chunk(2 ** 62)])])],
    ['negative rows', footer(-1, [group(-1, [chunk(-1)])])],
    ['rows that add up only with a negative group', footer(1, [group(-1, [chunk(-1)]), group(2, [chunk(2)])])],
    ['a row group without columns', footer(1, [group(1, [])])],
    ['a row group with a column too many', footer(1, [group(1, [chunk(1), chunk(1)])])],
    ['a column in another file', footer(1, [group(1, [chunk(1, [[1, compact.text('/etc/passwd')]])])])],
    ['no row groups', compact.struct([1, compact.i32(1)], [2, schema], [3, compact.i64(0)])],
    ['no schema', compact.struct([3, compact.i64(0)], [4, compact.list('struct', [])])],
  ])('%s', async (_what, bytes) => {
    expect(await verdictOf(parquetFile(bytes), temporaryFolder())).toBe('NOT_PARQUET');
  });

  test('more pairs of metadata than any writer adds are refused: each one takes a byte, and becomes an object', async () => {
    const pairs = Array.from({ length: 10_001 }, () => compact.struct());
    const good = [
      [1, compact.i32(1)],
      [2, schema],
      [3, compact.i64(1)],
      [4, compact.list('struct', [group(1, [chunk(1)])])],
    ] as const;
    const withPairs = (count: number) =>
      parquetFile(compact.struct(...good, [5, compact.list('struct', pairs.slice(0, count))]));
    expect(await verdictOf(withPairs(10_000), temporaryFolder())).toBe('1 rows');
    expect(await verdictOf(withPairs(10_001), temporaryFolder())).toBe('TOO_LARGE');
  });

  const hugeList = (type: number) => Buffer.from([0xf0 | type, 0xff, 0xff, 0xff, 0x0f]); // claims 33 million elements
  test.each([
    ['a list of 33 million elements in a few bytes', Buffer.concat([Buffer.from([0x29]), hugeList(12)])],
    [
      'lists of 33 million lists, ten thousand deep',
      Buffer.concat([Buffer.from([0xf9]), ...Array.from({ length: 10_000 }, () => hugeList(9))]),
    ],
    ['structs nested 100,000 deep', Buffer.alloc(100_000, 0x1c)],
    ['a number of 8 million bytes', Buffer.concat([Buffer.from([0x36]), Buffer.alloc(8_000_000, 0x80)])],
    [
      '20 million empty structs in a list that nobody reads',
      Buffer.concat([Buffer.from([0x79, 0xfc, 0x80, 0xda, 0xc4, 0x09]), Buffer.alloc(20_000_000), Buffer.from([0])]),
    ],
    [
      '20 million schema elements',
      Buffer.concat([Buffer.from([0x29, 0xfc, 0x80, 0xda, 0xc4, 0x09]), Buffer.alloc(20_000_000), Buffer.from([0])]),
    ],
  ])('%s: refused quickly and in little memory', async (_what, bytes) => {
    const path = join(temporaryFolder(), 'file.parquet');
    writeFileSync(path, parquetFile(bytes));
    const before = process.memoryUsage();
    const begin = process.cpuUsage();
    await expect(readParquetFooter(path)).rejects.toMatchObject({
      code: expect.stringMatching('NOT_PARQUET|TOO_LARGE'),
    });
    expect(process.cpuUsage(begin).user).toBeLessThan(2_000_000); // microseconds
    const after = process.memoryUsage();
    expect(after.rss - before.rss).toBeLessThan(bytes.length * 2 + 50 * 1024 * 1024);
  });

  test('a footer that is larger than allowed is TOO_LARGE, and not read', async () => {
    const path = join(temporaryFolder(), 'file.parquet');
    writeFileSync(path, 'PAR1');
    truncateSync(path, 4_000_000_000); // sparse
    const tail = Buffer.from('\0\0\0\0PAR1');
    tail.writeUInt32LE(maxFooterBytes + 1);
    writeFileSync(path, tail, { flag: 'a' });
    await expect(readParquetFooter(path)).rejects.toMatchObject({ code: 'TOO_LARGE' });
  });
});

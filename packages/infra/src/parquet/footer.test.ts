import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { duckdb } from '../../test/support/duckdb.js';
import { temporaryFolder } from '../../test/support/folders.js';
import { randomFrom } from '../../test/support/random.js';
import { compact, parquetFile } from '../../test/support/thrift-bytes.js';
import { verdictOf } from '../../test/support/verdict.js';
import { readParquetFooter } from './footer.js';

const fixtures = join(import.meta.dirname, '../../fixtures/parquet');
const fixture = (name: string) => readFileSync(join(fixtures, name));

test('a footer tells rows, size, row groups, metadata and columns', async () => {
  const footer = await readParquetFooter(join(fixtures, 'pyarrow-row-groups.parquet'));
  expect(footer).toMatchObject({ rows: 1000, rowGroups: 10, bytes: fixture('pyarrow-row-groups.parquet').length });
  expect(footer.columns).toEqual([
    { name: 'i', type: 'BIGINT', nullable: true },
    { name: 's', type: 'VARCHAR', nullable: true },
  ]);
  expect(footer.createdBy).toContain('parquet-cpp-arrow');
  expect(Object.keys(footer.keyValue)).toEqual(['ARROW:schema']);
});

describe('a damaged file is NOT_PARQUET', () => {
  test('cut off at any byte', async () => {
    const folder = temporaryFolder();
    const whole = fixture('pyarrow-required.parquet');
    for (let length = 0; length < whole.length; length++)
      expect(await verdictOf(whole.subarray(0, length), folder), `${length} bytes`).toBe('NOT_PARQUET');
    expect(await verdictOf(whole, folder)).toBe('1 rows');
  });

  // Other readers skip such a field. DuckDB would read the dates as plain numbers, and the
  // canonical table could no longer be read.
  test('with a field of another wire type than it must have', async () => {
    const path = join(temporaryFolder(), 'dates.parquet');
    await duckdb(`COPY (SELECT DATE '2026-01-01' AS day) TO '${path}' (FORMAT parquet)`);
    const whole = readFileSync(path);
    const annotation = whole.lastIndexOf('day', whole.indexOf('DuckDB')) + 'day'.length;
    expect(await verdictOf(whole, temporaryFolder())).toBe('1 rows');
    for (const header of [0x23, 0x26, 0x28, 0x2a, 0x2c]) {
      const broken = Buffer.from(whole);
      broken[annotation] = header; // the next field but one, of another type
      expect(await verdictOf(broken, temporaryFolder()), `header ${header}`).toBe('NOT_PARQUET');
    }
  });

  test('with bytes missing in the middle, so that a column lies outside', async () => {
    const whole = fixture('pyarrow-row-groups.parquet');
    const torn = Buffer.concat([whole.subarray(0, 4), whole.subarray(1000)]);
    expect(await verdictOf(torn, temporaryFolder())).toBe('NOT_PARQUET');
  });

  test.each([0, 1, 7, 0x7fffffff, 0x80000000, 0xffffffff])('with a footer length of %i', async length => {
    const bytes = Buffer.from(fixture('pyarrow-required.parquet'));
    bytes.writeUInt32LE(length, bytes.length - 8);
    expect(await verdictOf(bytes, temporaryFolder())).toBe('NOT_PARQUET');
  });

  test.each(['PAR2', 'PARE', '\0\0\0\0'])('with the first magic %j', async magic => {
    const bytes = Buffer.from(fixture('pyarrow-required.parquet'));
    bytes.write(magic, 0, 'latin1');
    expect(await verdictOf(bytes, temporaryFolder())).toBe('NOT_PARQUET');
  });

  test.each([
    ['nothing', ''],
    ['text', 'ts,price\n1,2\n'],
    ['two magics and nothing between', 'PAR1PAR1'],
    ['an empty footer', 'PAR1\0\0\0\0PAR1'],
  ])('that is %s', async (_what, text) => {
    expect(await verdictOf(Buffer.from(text), temporaryFolder())).toBe('NOT_PARQUET');
  });
});

describe('a whole file that the bus cannot read is told apart from a broken one', () => {
  test.each(['encrypted.parquet', 'encrypted-columns.parquet'])('%s is UNSUPPORTED_PARQUET', async name => {
    await expect(readParquetFooter(join(fixtures, name))).rejects.toMatchObject({
      code: 'UNSUPPORTED_PARQUET',
      message: expect.stringContaining('encrypted'),
      hint: expect.stringContaining('without encryption'),
    });
  });

  test('a file without columns is UNSUPPORTED_PARQUET', async () => {
    const schema = compact.list('struct', [compact.struct([4, compact.text('schema')], [5, compact.i32(0)])]);
    const footer = compact.struct(
      [1, compact.i32(1)],
      [2, schema],
      [3, compact.i64(3)],
      [4, compact.list('struct', [])],
    );
    expect(await verdictOf(parquetFile(footer), temporaryFolder())).toBe('UNSUPPORTED_PARQUET');
  });

  /** Returns a file without rows, whose only column is below this many groups. */
  const nested = (groups: number): Buffer => {
    const named = (name: string, ...more: Parameters<typeof compact.struct>) =>
      compact.struct([3, compact.i32(0)], [4, compact.text(name)], ...more);
    const elements = [
      compact.struct([4, compact.text('schema')], [5, compact.i32(1)]),
      ...Array.from({ length: groups }, (_, level) => named(`level_${level}`, [5, compact.i32(1)])),
      compact.struct([1, compact.i32(2)], [3, compact.i32(0)], [4, compact.text('x')]),
    ];
    const [schema, groupsOfRows] = [compact.list('struct', elements), compact.list('struct', [])];
    return parquetFile(compact.struct([1, compact.i32(1)], [2, schema], [3, compact.i64(0)], [4, groupsOfRows]));
  };

  test('more than 32 levels of nesting are TOO_COMPLEX', async () => {
    const path = join(temporaryFolder(), 'file.parquet');
    writeFileSync(path, nested(31));
    expect(await readParquetFooter(path)).toMatchObject({ rows: 0 });
    writeFileSync(path, nested(32));
    await expect(readParquetFooter(path)).rejects.toMatchObject({
      code: 'TOO_COMPLEX',
      message: expect.stringContaining('more than 32 levels'),
      hint: expect.stringContaining('at most 32 levels'),
    });
  });
});

describe('random bytes in the footer never do more than be refused', () => {
  const files = readdirSync(fixtures).filter(name => name.endsWith('.parquet') && !name.startsWith('encrypted'));
  const seed = Number(process.env.FC_SEED ?? 20260131);

  test(`2,600 variants, seed ${seed}`, async () => {
    const folder = temporaryFolder();
    const random = randomFrom(seed);
    const before = process.memoryUsage().rss;
    const verdicts = new Map<string, number>();
    let slowest = 0;
    for (const name of files) {
      const original = fixture(name);
      const footerBytes = original.readUInt32LE(original.length - 8);
      for (let variant = 0; variant < 200; variant++) {
        const bytes = Buffer.from(original);
        const changes = 1 + random(variant % 2 === 0 ? 2 : 40);
        for (let i = 0; i < changes; i++) bytes[bytes.length - 8 - footerBytes + random(footerBytes)] = random(256);
        const begin = process.cpuUsage();
        const verdict = await verdictOf(bytes, folder);
        slowest = Math.max(slowest, process.cpuUsage(begin).user);
        const kind = verdict.endsWith('rows') ? 'read' : verdict;
        verdicts.set(kind, (verdicts.get(kind) ?? 0) + 1);
      }
    }
    const possible = ['NOT_PARQUET', 'read', 'TOO_COMPLEX', 'TOO_LARGE', 'UNSUPPORTED_PARQUET'];
    expect(possible).toEqual(expect.arrayContaining([...verdicts.keys()]));
    expect(slowest).toBeLessThan(1_000_000); // microseconds of the processor
    expect(process.memoryUsage().rss - before).toBeLessThan(400 * 1024 * 1024);
  });

  test('nothing but random bytes', async () => {
    const folder = temporaryFolder();
    const random = randomFrom(seed);
    for (let variant = 0; variant < 300; variant++) {
      const footer = Buffer.from(Array.from({ length: 1 + random(300) }, () => random(256)));
      expect(await verdictOf(parquetFile(footer), folder)).toBe('NOT_PARQUET');
    }
  });
});

describe('files that DuckDB writes', () => {
  test('a footer of more than the first 64 KiB is read whole', async () => {
    const path = join(temporaryFolder(), 'wide.parquet');
    const columns = Array.from({ length: 1000 }, (_, i) => `i AS column_with_a_long_name_${i}`).join(', ');
    await duckdb(`COPY (SELECT ${columns} FROM range(3) t(i)) TO '${path}' (FORMAT PARQUET)`);
    const footer = await readParquetFooter(path);
    expect(footer.rows).toBe(3);
    expect(footer.columns).toHaveLength(1000);
  });

  test('an empty result has its columns and no rows', async () => {
    const path = join(temporaryFolder(), 'empty.parquet');
    await duckdb(`COPY (SELECT 1 AS a, 'x' AS b WHERE false) TO '${path}' (FORMAT PARQUET)`);
    const { rows, columns } = await readParquetFooter(path);
    expect(rows).toBe(0);
    expect(columns.map(column => column.type)).toEqual(['INTEGER', 'VARCHAR']);
  });

  test('key-value metadata comes as it was written', async () => {
    const path = join(temporaryFolder(), 'kv.parquet');
    await duckdb(`COPY (SELECT 1 AS a) TO '${path}' (FORMAT PARQUET, KV_METADATA {"__proto__": 'p', note: 'é'})`);
    const { keyValue } = await readParquetFooter(path);
    expect(Object.entries(keyValue)).toEqual([
      ['__proto__', 'p'],
      ['note', 'é'],
    ]);
  });
});

test('a folder is no Parquet file, and a missing one is a system error', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'sub'));
  await expect(readParquetFooter(join(folder, 'missing'))).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(readParquetFooter(join(folder, 'sub'))).rejects.toBeInstanceOf(Error);
});

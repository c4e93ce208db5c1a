import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from '../../test/support/folder.js';
import { sendPart, startServer, tagOf } from '../../test/support/served-folder.js';
import { readParquet } from './read-parquet.js';
import { scanParquet } from './scan-parquet.js';
import { writeParquet } from './write-parquet.js';

const count = 60_000;
const n = Array.from({ length: count }, (_, i) => i);
const text = n.map(i => createHash('sha256').update(`${i}`).digest('hex'));
const list = n.map(i => [i % 7, i % 5]);

/** The bytes of a file of some megabytes. `n` begins with the given number. */
async function fileFrom(first: number): Promise<Buffer> {
  const path = join(temporaryFolder(), 'file.parquet');
  const schema = { n: 'BIGINT', text: 'VARCHAR', list: 'INTEGER[]' };
  await writeParquet(path, { n: n.map(i => i + first), text, list }, schema, { rowGroupSize: 10_240 });
  return readFileSync(path);
}

let file: Buffer;
let newer: Buffer;

beforeEach(async () => {
  file ??= await fileFrom(0);
  newer ??= await fileFrom(1_000_000);
});

/** A server of one export. `before` sees each request, and may send the answer itself. */
async function serve(
  current: () => Buffer,
  before: (answer: Parameters<RequestListener>[1], range: string) => boolean,
) {
  const fetched: number[] = [];
  const url = await startServer(({ headers }, answer) => {
    if (before(answer, headers.range ?? '')) return;
    const bytes = current();
    if (headers['if-match'] !== undefined && headers['if-match'] !== tagOf(bytes))
      return void answer.writeHead(412).end(JSON.stringify({ error: { code: 'HTTP_FILE_CHANGED', message: 'other' } }));
    fetched.push(sendPart(answer, bytes, headers.range));
  });
  return { fetched, url: `${url}/exports/numbers.parquet` };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const last = { orderBy: { column: 'n', direction: 'desc' }, limit: 1 } as const;

test('only the columns of a read are fetched, and a condition fetches the whole file', async () => {
  const { fetched, url } = await serve(
    () => file,
    () => false,
  );
  const rows = await readParquet(url, { columns: ['N', 'list'] });
  expect([rows.length, rows[7], rows.at(-1)]).toEqual([
    count,
    { n: 7, list: [0, 2] },
    { n: count - 1, list: [(count - 1) % 7, 4] },
  ]);
  const some = sum(fetched.splice(0));
  expect(some).toBeLessThan(file.length * 0.4);
  expect(await readParquet(url, { columns: ['n'], where: 'text = ?', params: [text[99]] })).toEqual([{ n: 99 }]);
  expect(sum(fetched)).toBe(file.length);
});

test('after a broken connection only what is missing is fetched', async () => {
  let broken = 0;
  const { fetched, url } = await serve(
    () => file,
    (answer, range) => {
      const [, start = '', end = ''] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? [];
      if (Number(end) - Number(start) < 100_000 || broken++ > 2) return false;
      answer.writeHead(206, {
        etag: tagOf(file),
        'content-range': `bytes ${start}-${end}/${file.length}`,
        'content-length': Number(end) - Number(start) + 1,
      });
      answer.write(file.subarray(Number(start), Number(start) + 70_000), () => answer.destroy());
      return true;
    },
  );
  expect((await readParquet(url, last))[0]).toMatchObject({ n: count - 1 });
  expect(broken).toBeGreaterThan(2);
  expect(sum(fetched)).toBeLessThan(file.length);
});

test.each([
  [1, 'the new version, whole', undefined],
  [Number.POSITIVE_INFINITY, 'an error', 'FILE_CHANGED'],
])('an export that is replaced %d times between requests gives %s', async (times, _, code) => {
  let requests = 0;
  let replaced = 0;
  const { url } = await serve(
    () => (replaced % 2 === 0 ? file : newer),
    () => {
      if (++requests % 2 === 0 && replaced < times) replaced++;
      return false;
    },
  );
  const read = async () => {
    let rows = 0;
    let total = 0;
    for await (const batch of scanParquet<{ n: number }>(url, { columns: ['n'] })) {
      rows += batch.length;
      total += sum(batch.map(row => row.n));
    }
    return { rows, total };
  };
  if (code !== undefined) await expect(read()).rejects.toMatchObject({ code, disposition: 'retry' });
  else expect(await read()).toEqual({ rows: count, total: sum(n) + 1_000_000 * count });
});

test('an answer without a tag, and a URL of anything else, are refused before a token goes there', async () => {
  const { url } = await serve(
    () => Buffer.alloc(100),
    answer => Boolean(answer.end('hello')),
  );
  await expect(readParquet(url)).rejects.toMatchObject({
    code: 'READ_FAILED',
    message: expect.stringContaining('ETag'),
  });
  for (const other of [url.replace('exports', 'files'), 'https://', `${new URL(url).origin}/exports/a/b.parquet`])
    await expect(readParquet(other), other).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
});

test('a read that is aborted throws the reason, and does not wait', async () => {
  const { url } = await serve(
    () => Buffer.alloc(0),
    () => true, // never answers
  );
  const started = performance.now();
  await expect(readParquet(url, { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({ name: 'TimeoutError' });
  expect(performance.now() - started).toBeLessThan(5_000);
});

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../test/support/folder.js';
import { readParquet } from './read-parquet.js';
import { writeParquet } from './write-parquet.js';

test('a write that fails leaves the file that was there, and nothing beside it', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'x.parquet');
  await writeParquet(path, [{ n: 1 }], { n: 'BIGINT' });
  const before = readFileSync(path);
  await expect(writeParquet(path, [{ n: 1.5 }], { n: 'BIGINT' })).rejects.toMatchObject({ code: 'VALUE_INVALID' });
  await expect(writeParquet(path, failing(), { n: 'BIGINT' })).rejects.toThrow('the source failed');
  expect(readFileSync(path)).toEqual(before);
  expect(readdirSync(folder)).toEqual(['x.parquet']);
});

test('the file has its name only when it is whole', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'x.parquet');
  await writeParquet(path, [{ n: 1 }], { n: 'BIGINT' });
  const seen: unknown[] = [];
  const write = writeParquet(path, { n: Array.from({ length: 300_000 }, (_, i) => i) }, { n: 'BIGINT' });
  let done = false;
  const finished = write.finally(() => {
    done = true;
  });
  while (!done) seen.push((await readParquet(path)).length);
  await finished;
  expect(new Set([...seen, (await readParquet(path)).length])).toEqual(new Set([1, 300_000]));
});

test('what was there before is replaced, whatever it was', async () => {
  const path = join(temporaryFolder(), 'x.parquet');
  writeFileSync(path, 'not Parquet yet');
  await expect(readParquet(path)).rejects.toMatchObject({ code: 'NOT_PARQUET' });
  expect(await writeParquet(path, [{ n: 1 }], { n: 'BIGINT' })).toMatchObject({ path, rows: 1 });
});

async function* failing(): AsyncGenerator<object> {
  yield { n: 1 };
  throw new Error('the source failed');
}

import { existsSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startS3, versitygw } from '@quantbot/tooling-servers/s3';
import { afterAll, expect, test, vi } from 'vitest';
import { temporaryFolder } from '../../test/support/folders.js';
import { openObjects } from './index.js';

const server = versitygw === undefined ? undefined : await startS3();
afterAll(() => server?.stop());

test.each(['file', ...(server === undefined ? [] : ['s3'])])(
  'of an object of %s://, no more bytes than expected are downloaded',
  async kind => {
    for (const [name, value] of Object.entries(server?.env ?? {})) vi.stubEnv(name, value);
    const objects = await openObjects(kind === 's3' ? 's3://bus/a' : pathToFileURL(temporaryFolder()).href);
    await objects.create('a', Buffer.alloc(3_000_000, 'x'));
    const path = join(temporaryFolder(), 'a');
    const refusal = { code: 'BYTES_MISMATCH' };
    await expect(objects.download('a', path, { maxBytes: 2_999_999 })).rejects.toMatchObject(refusal);
    expect(existsSync(path)).toBe(false);
    expect(await objects.download('a', path, { maxBytes: 3_000_000 })).toMatchObject({ bytes: 3_000_000 });
  },
);

test('a large file of an object may be refused before it is read', async () => {
  const objects = await openObjects(pathToFileURL(temporaryFolder()).href);
  await objects.create('a', Buffer.alloc(2_000_000));
  const path = join(temporaryFolder(), 'a');
  const mayRead = async (file: FileHandle) => Promise.reject(await file.stat());
  await expect(objects.download('a', path, { mayRead })).rejects.toMatchObject({ size: 2_000_000 });
  expect(existsSync(path)).toBe(false);
});

import { startS3, versitygw } from '@quantbot/tooling-servers/s3';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openBucket, openObjects } from './index.js';

test.skipIf(versitygw === undefined)('a part of an object says of which version it is', async () => {
  const server = await startS3();
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await server.stop();
  });
  for (const [name, value] of Object.entries(server.env)) vi.stubEnv(name, value);
  const bucket = await openBucket('bus');
  const objects = await openObjects('s3://bus/parts');
  await objects.replace('a', Buffer.from('0123456789'));
  const first = await bucket.readPart('parts/a', { start: 2, end: 5 });
  expect(first).toMatchObject({ bytes: Buffer.from('234'), offset: 2, size: 10 });
  const last = { bytes: Buffer.from('89'), offset: 8, size: 10, tag: first?.tag };
  expect(await bucket.readPart('parts/a', { last: 2 })).toEqual(last);
  expect(await bucket.readPart('parts/a', { last: 99 })).toMatchObject({ offset: 0, size: 10, tag: first?.tag });
  await objects.replace('a', Buffer.from('newer'));
  const newer = await bucket.readPart('parts/a', { start: 7, end: 9 });
  expect(newer).toMatchObject({ bytes: Buffer.alloc(0) });
  expect(newer?.tag).not.toBe(first?.tag);
  await objects.replace('a', Buffer.alloc(0));
  expect(await bucket.readPart('parts/a', { last: 5 })).toMatchObject({ bytes: Buffer.alloc(0), size: 0 });
  expect(await bucket.readPart('parts/b', { last: 5 })).toBeUndefined();
});

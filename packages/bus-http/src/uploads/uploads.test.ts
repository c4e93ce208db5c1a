import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { linkSync, mkdirSync, readdirSync, readFileSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { writeBusLimits } from '@quantbot/infra/bus';
import { findBusConfig } from '@quantbot/infra/config';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, onTestFinished, test, vi } from 'vitest';
import { bodyOf } from './body.js';
import { DailyBytes } from './daily-bytes.js';
import type { Upload } from './upload-files.js';
import { Uploads } from './uploads.js';

vi.mock('node:fs', { spy: true }); // counts the listings

const content = randomBytes(10_000);
const upload: Upload = { sha256: createHash('sha256').update(content).digest('hex'), bytes: content.length };

function uploadsIn(folder = temporaryFolder(), maxOpen = 256) {
  writeFileSync(join(folder, 'bus_config.json'), JSON.stringify({ http: { uploads: { max_open: maxOpen } } }));
  const { config } = findBusConfig({ cwd: folder, env: {} });
  const uploads = new Uploads(config, { folder });
  onTestFinished(() => uploads.close());
  const add = (start: number, ...ends: number[]) =>
    uploads.add('a', upload, { start, bytes: (ends.at(-1) ?? 0) - start, chunks: chunks(start, ends) });
  return { folder, uploads, add, part: join(folder, 'uploads/a', `${upload.sha256}-${upload.bytes}.part`) };
}

async function* chunks(start: number, ends: readonly number[]) {
  let from = start;
  for (const end of ends) {
    yield content.subarray(from, end);
    from = end;
  }
}

async function* chunksOf(text: string) {
  yield Buffer.from(text);
}

test('a file is hashed as it comes, in any parts, by one daemon after another', async () => {
  const first = uploadsIn();
  expect(await first.add(0, 1, 4_000)).toBe(4_000);
  expect(await first.add(4_000, 5_000)).toBe(5_000);
  const { add, uploads } = uploadsIn(first.folder);
  expect(await add(5_000, 9_000)).toBe(9_000);
  expect(await add(9_000, 10_000)).toBe(10_000);
  expect(readFileSync(uploads.pathOf('a', upload)).equals(content)).toBe(true);
});

test('a new file lists no others, however many there are, until the limit is reached', async () => {
  const { folder, uploads } = uploadsIn(temporaryFolder(), 5_000);
  const listings = () => vi.mocked(readdirSync).mock.calls.filter(([path]) => String(path).startsWith(folder));
  mkdirSync(join(folder, 'uploads/a'), { recursive: true });
  for (let i = 0; i < 4_995; i++) linkSync(join(folder, 'bus_config.json'), join(folder, `uploads/a/${i}-9.part`));
  const begin = (text: string) => {
    const sha256 = createHash('sha256').update(text).digest('hex');
    const bytes = text.length;
    return uploads.add('a', { sha256, bytes }, { start: 0, bytes, chunks: chunksOf(text) });
  };
  await begin('first');
  expect(listings().map(([path]) => path)).toEqual([join(folder, 'uploads/a')]);
  for (let i = 0; i < 3; i++) await begin(`file ${i}`);
  expect(listings()).toHaveLength(1);
  await begin('the last one');
  await expect(begin('one too many')).rejects.toMatchObject({ code: 'UPLOAD_LIMIT' });
  expect(listings()).toHaveLength(2);
  unlinkSync(join(folder, 'uploads/a/1-9.part')); // its job took it
  await begin('one too many');
});

test('two requests do not write to one file at once', async () => {
  const { add } = uploadsIn();
  const both = await Promise.allSettled([add(0, 5_000), add(0, 5_000)]);
  expect(both).toMatchObject([{ status: 'fulfilled' }, { reason: { code: 'UPLOAD_BUSY' } }]);
  expect(await add(5_000, 10_000)).toBe(10_000);
});

test('a request that sends more than it has announced is refused', async () => {
  const { uploads } = uploadsIn();
  const long = uploads.add('a', upload, { start: 0, bytes: 100, chunks: chunks(0, [100, 200]) });
  await expect(long).rejects.toMatchObject({ code: 'BYTES_MISMATCH' });
  expect(await uploads.offsetOf('a', upload)).toBe(100);
});

test('a file that was removed or cut off meanwhile goes on from what is there', async () => {
  const { add, part, uploads } = uploadsIn();
  await add(0, 5_000);
  truncateSync(part, 3_000);
  expect(await uploads.offsetOf('a', upload)).toBe(3_000);
  await add(3_000, 6_000);
  unlinkSync(part);
  expect(await uploads.offsetOf('a', upload)).toBe(0);
  expect(await add(0, 10_000)).toBe(10_000);
});

test('a whole file that nobody has checked is checked with its last byte', async () => {
  const { folder, add, part } = uploadsIn();
  await add(0, 9_000);
  truncateSync(part, 10_000); // as after a power cut: the end is zeros
  const next = uploadsIn(folder);
  expect(await next.uploads.offsetOf('a', upload)).toBe(9_999);
  await expect(next.add(9_999, 10_000)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
  expect(await next.uploads.offsetOf('a', upload)).toBe(0);
});

test('an owner sends so many bytes a day, and other owners as many', () => {
  let time = 0;
  const day = new DailyBytes(() => time);
  day.take('a', 60, 100);
  time += 12 * 3_600_000;
  day.take('a', 40, 100);
  expect(() => day.take('a', 1, 100)).toThrow(expect.objectContaining({ code: 'UPLOAD_LIMIT' }));
  day.take('b', 100, 100);
  time += 12 * 3_600_000;
  day.take('a', 60, 100);
  expect(() => day.take('a', 1, 100)).toThrow(expect.objectContaining({ code: 'UPLOAD_LIMIT' }));
});

test('a clock that jumps makes no bytes count for longer', () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const day = new DailyBytes();
  const now = Date.now();
  vi.setSystemTime(now + 1_000 * 86_400_000);
  day.take('a', 100, 100);
  vi.setSystemTime(now);
  expect(() => day.take('a', 1, 100)).toThrow(expect.objectContaining({ code: 'UPLOAD_LIMIT' }));
  vi.advanceTimersByTime(86_400_000 + 3_600_000);
  day.take('a', 100, 100);
});

test('a file that was begun does not take the space that the bus keeps', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const { folder, add } = uploadsIn();
  expect(await add(0, 1)).toBe(1);
  await writeBusLimits(folder, { min_free_bytes: Number.MAX_SAFE_INTEGER });
  vi.advanceTimersByTime(1_001); // an earlier look at the disk is old by now
  await expect(add(1, 10_000)).rejects.toMatchObject({ code: 'DISK_FULL' });
  await writeBusLimits(folder, { min_free_bytes: 0 });
  vi.advanceTimersByTime(1_001);
  expect(await add(1, 10_000)).toBe(10_000);
});

test('a program that stops sending is cut off, and what it has sent counts', async () => {
  let report = (_length: number) => {};
  const received = new Promise<number>(resolve => {
    report = resolve;
  });
  const server = createServer(async (request: IncomingMessage) => {
    let length = 0;
    for await (const chunk of bodyOf(request, 50)) length += chunk.length;
    report(length);
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {});
  socket.write('PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhello');
  await once(socket.resume(), 'close');
  expect(await received).toBe(5);
});

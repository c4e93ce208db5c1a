import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { linkSync, mkdirSync, readdirSync, readlinkSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { guardsOf } from '@quantbot/bus-format/state';
import { CodedError } from '@quantbot/infra';
import { findBusConfig } from '@quantbot/infra/config';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { Hono } from 'hono';
import { expect, onTestFinished, test } from 'vitest';
import { answerOf } from '../http-error.js';
import { contentOf } from './open-file.js';
import { FileSender } from './send-file.js';
import { streamPart } from './stream.js';

const size = 8 * 1024 * 1024; // more than the buffers of a connection

/** A server that sends one file. */
async function serving(maxFiles = 8) {
  const folder = temporaryFolder();
  const config = findBusConfig({ cwd: folder, env: {} }).config;
  const path = join(folder, 'file.parquet');
  const content = randomBytes(size);
  writeFileSync(path, content);
  const sender = new FileSender(config, maxFiles);
  const app = new Hono();
  app.onError((error, c) => c.json(answerOf(error).body, answerOf(error).status));
  app.get('/', async c => {
    const file = { path, name: 'file.parquet', expected: undefined, cacheControl: 'no-cache' };
    return (await sender.send(c, file)) ?? c.text('missing', 404);
  });
  const server = createAdaptorServer({ fetch: app.fetch, createServer }) as Server;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const ask = (headers: Record<string, string> = {}) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      get({ port, host: '127.0.0.1', agent: false, headers }, resolve).on('error', reject);
    });
  return { ask, config, content, folder, path, port };
}

const bytesOf = async (answer: IncomingMessage) => Buffer.concat(await answer.toArray());
const openFiles = (path: string) =>
  readdirSync('/proc/self/fd').filter(name => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`).startsWith(path);
    } catch {
      return false;
    }
  }).length;
const allClosed = (path: string) =>
  eventually(
    () => openFiles(path),
    count => count === 0,
  );

test('a file that is replaced while it is read is read whole, and its new content has another tag', async () => {
  const { ask, content, folder, path } = await serving();
  const answer = await ask();
  const other = randomBytes(size);
  writeFileSync(join(folder, 'other'), other);
  renameSync(join(folder, 'other'), path);
  expect((await bytesOf(answer)).equals(content)).toBe(true);
  const next = await ask();
  expect(next.headers.etag).not.toBe(answer.headers.etag);
  expect((await bytesOf(next)).equals(other)).toBe(true);
  await allClosed(folder);
});

test('at most so many files are read at once, and one that a client has left is closed', async () => {
  const { ask, folder } = await serving(2);
  const [first, second] = [await ask(), await ask()];
  const third = await ask();
  expect([third.statusCode, third.headers['retry-after']]).toEqual([503, '1']);
  expect(JSON.parse(String(await bytesOf(third)))).toMatchObject({ error: { code: 'HTTP_BUSY' } });
  expect(openFiles(folder)).toBe(2);
  first.destroy();
  await eventually(
    async () => {
      const answer = await ask({ range: 'bytes=0-9' });
      answer.resume();
      return answer.statusCode;
    },
    status => status === 206,
  );
  second.destroy();
  await allClosed(folder);
});

test('a connection that sends many requests at once reads one file at a time', async () => {
  const { folder, port } = await serving();
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(50));
  await once(socket, 'readable');
  expect(openFiles(folder)).toBe(1);
  socket.destroy();
  await allClosed(folder);
});

test('no link is followed, nothing but a file is opened, and no guard of the bus', async () => {
  const { ask, config, folder, path } = await serving();
  const statusWith = async (place: () => void) => {
    renameSync(path, join(folder, `aside-${Math.random()}`));
    place();
    const answer = await ask();
    answer.resume();
    return answer.statusCode;
  };
  writeFileSync(join(folder, 'secret'), 'secret');
  expect(await statusWith(() => symlinkSync(join(folder, 'secret'), path))).toBe(404);
  expect(await statusWith(() => mkdirSync(path))).toBe(404);
  const [guard = ''] = guardsOf(config);
  mkdirSync(join(guard, '..'), { recursive: true });
  writeFileSync(guard, 'guard');
  expect(await statusWith(() => linkSync(guard, path))).toBe(404);
});

test('a client that does not take its bytes is cut off, and its file closed', async () => {
  const { folder, path } = await serving();
  const cut: string[] = [];
  const stream = streamPart(contentOf(await open(path)), {
    start: 0,
    end: size,
    patienceMs: 20,
    cutOff: () => cut.push('cut off'),
    closed: () => cut.push('closed'),
  });
  const reader = stream.getReader();
  expect((await reader.read()).done).toBe(false);
  expect(openFiles(folder)).toBe(1);
  await eventually(
    () => cut,
    ([, closed]) => closed !== undefined,
  );
  expect(cut).toEqual(['cut off', 'closed']);
  expect(openFiles(folder)).toBe(0);
});

test('a file that ends too early ends the answer with an error', async () => {
  const { path } = await serving();
  const closed: string[] = [];
  const options = { patienceMs: 10_000, cutOff: () => {}, closed: () => closed.push('closed') };
  const reader = streamPart(contentOf(await open(path)), { start: size - 10, end: size + 10, ...options }).getReader();
  expect((await reader.read()).value?.length).toBe(10);
  await expect(reader.read()).rejects.toThrow(`The file ended at byte ${size} of ${size + 10}.`);
  expect(closed).toEqual(['closed']);
});

test('a file of another size than the catalog says is not sent', async () => {
  const { config, path } = await serving();
  const app = new Hono();
  const codes: unknown[] = [];
  app.onError((error, c) => {
    codes.push(error instanceof CodedError ? error.code : error);
    return c.text('', 500);
  });
  const expected = { sha256: 'x', bytes: size - 1 };
  const sender = new FileSender(config, 1);
  app.get('/', async c => (await sender.send(c, { path, name: 'x', expected, cacheControl: '' })) ?? c.text(''));
  await app.request('/', {}, { incoming: { socket: {} } });
  expect(codes).toEqual(['FILE_DAMAGED']);
});

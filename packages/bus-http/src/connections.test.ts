import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, Socket } from 'node:net';
import { createLogger } from '@quantbot/infra';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { expect, onTestFinished, test } from 'vitest';
import {
  type Connection,
  connectionLimits,
  crowdOf,
  groupOf,
  limitConnections,
  maxFilesFor,
  whileSending,
} from './connections.js';

/** A server with limits, and ways to connect to it. */
async function limitedServer(
  inAll: number,
  answer: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => response.end('ok'),
) {
  const server = createServer(answer);
  limitConnections(server, { inAll, byAddress: inAll }, createLogger({ name: 'test', level: 'silent' }));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets: Socket[] = [];
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
  });
  const send = async (text: string) => {
    const arrived = once(server, 'connection');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {});
    sockets.push(socket);
    await arrived;
    if (text !== '') socket.write(text);
    return socket;
  };
  return { server, send };
}

const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const isClosed = (socket: Socket) =>
  eventually(
    () => socket.closed || socket.readableEnded,
    closed => closed,
  );
const answerTo = async (socket: Socket) => String((await once(socket, 'data'))[0]);

test('the oldest connection that has not sent its request makes way for a new one', async () => {
  const { send } = await limitedServer(3);
  const [first, second, third] = [await send(''), await send('GET / HT'), await send('')];
  for (const socket of [first, second, third]) socket.resume();
  expect(await answerTo(await send(get))).toContain('200');
  await isClosed(first);
  expect([second.closed, third.closed]).toEqual([false, false]);
  expect(await answerTo(await send(get))).toContain('200');
  await isClosed(second);
});

test('one on which a file is sent stays, although its request is not complete', async () => {
  const { server, send } = await limitedServer(2, request => {
    void whileSending(request.socket, () => new Promise(resolve => request.once('close', resolve)));
  });
  const part = 'PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello';
  const senders: Socket[] = [];
  for (const _ of [1, 2]) {
    const requested = once(server, 'request');
    senders.push(await send(part));
    await requested;
  }
  await isClosed((await send(get)).resume());
  expect(senders.map(({ closed }) => closed)).toEqual([false, false]);
});

test('one that waits for its answer stays, and the new one is closed if all do', async () => {
  const waiting: ServerResponse[] = [];
  const { server, send } = await limitedServer(2, (_, response) => void waiting.push(response));
  const asked = async () => {
    const requested = once(server, 'request');
    const socket = await send(get);
    await requested;
    return socket;
  };
  const [first, second] = [await asked(), await asked()];
  const third = await send(get);
  third.resume();
  await isClosed(third);
  for (const response of waiting) response.end('late');
  expect([await answerTo(first), await answerTo(second)].every(text => text.includes('late'))).toBe(true);
});

test('one that does not send all of its request makes way, and so does one that does not read its answer', async () => {
  const { server, send } = await limitedServer(2, (request, response) => {
    request.resume();
    if (request.url === '/large') response.end(Buffer.alloc(64 * 1024 * 1024));
  });
  const requested = async (text: string) => {
    const arrived = once(server, 'request');
    const socket = await send(text);
    await arrived;
    return socket;
  };
  const unread = await requested(get.replace('/', '/large'));
  unread.pause();
  const incomplete = await requested('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1');
  incomplete.resume();
  await requested(get);
  await isClosed(incomplete);
  expect(unread.closed).toBe(false);
  await requested(get);
  unread.resume();
  await isClosed(unread);
});

test('of all addresses, the one with most connections gives one up', () => {
  const of = (address: string): Connection => ({ socket: new Socket(), address, requests: new Set() });
  const all = ['a', 'b', 'b', 'b', 'c'].map(of);
  const limits = { inAll: 5, byAddress: 3 };
  expect(crowdOf(all, 'new', limits)?.map(({ address }) => address)).toEqual(['b', 'b', 'b']);
  expect(crowdOf(all, 'b', { inAll: 9, byAddress: 3 })).toHaveLength(3);
  expect(crowdOf(all, 'a', { inAll: 9, byAddress: 3 })).toBeUndefined();
});

test.each([
  ['127.0.0.1', 'this machine'],
  ['127.9.9.9', 'this machine'],
  ['::ffff:127.0.0.2', 'this machine'],
  ['::1', 'this machine'],
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8:1:2::6', '2001:db8:1:2'],
  ['2001:db8::6', '2001:db8:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
])('%s counts as %s', (address, group) => {
  expect(groupOf(address)).toBe(group);
});

test('most descriptors stay for ingestion', () => {
  expect(maxFilesFor(connectionLimits(1024))).toBe(128);
  expect(connectionLimits(1_000_000)).toEqual({ inAll: 256, byAddress: 64 });
  expect(connectionLimits(1024)).toEqual({ inAll: 256, byAddress: 64 });
  expect(connectionLimits(64)).toEqual({ inAll: 16, byAddress: 8 });
});

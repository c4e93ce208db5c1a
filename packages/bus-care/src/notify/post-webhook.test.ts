import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { postWebhook, retryAfterMs } from './post-webhook.js';

const now = Date.UTC(2026, 0, 31, 12, 0, 0);

test.each([
  ['seconds', '120', 120_000],
  ['a date', 'Sat, 31 Jan 2026 12:00:30 GMT', 30_000],
  ['a date that is past', 'Sat, 31 Jan 2026 11:00:00 GMT', 0],
  ['nothing of use', 'soon', 0],
  ['a number that no program can count with', '9'.repeat(400), 0],
  ['no such header', null, 0],
])('Retry-After as %s', (_what, header, expected) => {
  expect(retryAfterMs(header, now)).toBe(expected);
});

/** A receiver that answers like this, and a promise for the end of its connection. */
async function receiver(answer: (response: ServerResponse) => void) {
  const server = createServer((request, response) => {
    request.resume();
    response.on('error', () => {});
    answer(response);
  });
  server.listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  const closed = once(server, 'connection').then(
    ([socket]) => new Promise<void>(resolve => socket.on('error', () => {}).on('close', () => resolve())),
  );
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const post = (timeoutMs = 20_000) =>
    postWebhook(
      { type: 'webhook', url, headers: {} },
      { body: '{}', env: {}, timeoutMs, signal: new AbortController().signal },
    );
  return { post, closed };
}

test.each([
  ['an error', 500],
  ['a success', 200],
])('the answer of %s that never ends is not read to its end', async (_what, status) => {
  const { post, closed } = await receiver(response => {
    response.writeHead(status);
    const more = () => response.write(Buffer.alloc(65_536, 'x')) && setImmediate(more);
    response.on('drain', more);
    more();
  });
  if (status === 200) await post();
  else await expect(post()).rejects.toMatchObject({ output: expect.stringMatching(/^x{4000}$/) });
  await closed;
});

test('a receiver that does not answer in time is given up', async () => {
  const { post, closed } = await receiver(() => {});
  await expect(post(100)).rejects.toThrow('did not answer within 0.1 s');
  await closed;
});

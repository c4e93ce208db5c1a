import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/**
 * Starts a load balancer without sticky sessions: each request goes to the next daemon. One that
 * does not answer is skipped, except for a request whose body is lost with it.
 *
 * @returns its URL, and how many requests each daemon has got.
 */
export async function balance(...daemons: string[]): Promise<{ url: string; counts: number[] }> {
  const counts = daemons.map(() => 0);
  let turn = 0;
  const server = createServer((incoming, response) => {
    const index = turn++ % daemons.length;
    counts[index] = (counts[index] ?? 0) + 1;
    const { method, headers, url } = incoming;
    const outgoing = request(`${daemons[index]}${url}`, { method, headers }, answer => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
    incoming.pipe(outgoing);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close().closeAllConnections());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, counts };
}

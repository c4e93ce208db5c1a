import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { openCatalog } from '../catalog/open-catalog.js';
import { readParquet } from './read-parquet.js';

/** The port of a server that has ended. */
async function closedPort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

test('a server that is not there is named by its host and port, and soon given up', async () => {
  const port = await closedPort();
  const root = `http://127.0.0.1:${port}`;
  const message = expect.stringContaining(`(host 127.0.0.1, port ${port}): connect ECONNREFUSED`);
  const started = performance.now();
  await Promise.all([
    expect(readParquet(`${root}/exports/a.parquet`)).rejects.toMatchObject({ code: 'READ_FAILED', message }),
    expect(openCatalog(root)).rejects.toMatchObject({ code: 'READ_FAILED', message }),
  ]);
  expect(performance.now() - started).toBeLessThan(3_000);
});

test('an abort ends the attempts at once, whatever its reason', async () => {
  const url = `http://127.0.0.1:${await closedPort()}/exports/a.parquet`;
  const stopped = new TypeError('stopped'); // fetch fails with a TypeError too
  await expect(readParquet(url, { signal: AbortSignal.abort(stopped) })).rejects.toBe(stopped);
  const end = new AbortController();
  const reading = expect(readParquet(url, { signal: end.signal })).rejects.toBe(stopped);
  const started = performance.now();
  setTimeout(() => end.abort(stopped), 250); // before the third attempt
  await reading;
  expect(performance.now() - started).toBeLessThan(1_000);
});

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { prepared } from '../../test/support/submitting.js';
import { submitArtifact } from './submit.js';

/** A server that keeps half of each part, and answers with a status, as often as it is told to. */
async function startServer(status: number, times: number) {
  const kept: Buffer[] = [];
  let failures = 0;
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const fails = request.method === 'PUT' && failures++ < times;
    if (request.method === 'PUT') kept.push(fails ? body.subarray(0, body.length / 2) : body);
    response.writeHead(fails ? status : 200, { 'Upload-Offset': Buffer.concat(kept).length });
    response.end(request.method === 'POST' ? JSON.stringify({ manifest: body.toString() }) : '');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close().closeAllConnections());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sent: () => Buffer.concat(kept) };
}

test.each([408, 503])('after the status %i an upload goes on where the server is', async status => {
  const { options } = await prepared();
  const { url, sent } = await startServer(status, 3);
  const submission = await submitArtifact({ ...options, busRoot: url });
  expect(sent().equals(readFileSync(options.parquetPath))).toBe(true);
  expect(submission.artifacts).toMatchObject([{ sha256: createHash('sha256').update(sent()).digest('hex') }]);
});

test('another status ends the submission', async () => {
  const { options } = await prepared();
  const { url } = await startServer(413, 1);
  await expect(submitArtifact({ ...options, busRoot: url })).rejects.toMatchObject({ code: 'SUBMIT_FAILED' });
});

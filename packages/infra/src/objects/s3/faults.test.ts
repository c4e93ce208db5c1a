import { hash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { isInSample } from '@quantbot/tooling-config/campaign';
import { type S3Server, startS3, versitygw } from '@quantbot/tooling-servers/s3';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { temporaryFolder } from '../../../test/support/folders.js';
import { writeCounting } from '../../../test/support/parquet.js';
import { type Fault, startProxy } from '../../../test/support/tcp-proxy.js';
import { objectKeys } from '../../bus-layout.js';
import { stateText } from '../../files/state-file.js';
import { submitArtifact } from '../../utils/submit.js';
import { openObjects } from '../index.js';
import { openS3 } from './s3-objects.js';

const code = (error: string) => expect.objectContaining({ code: error });
const sha256 = (content: Uint8Array) => hash('sha256', content);

let server: S3Server;
let roots = 0;

beforeAll(async () => {
  if (versitygw === undefined) return;
  server = await startS3();
  for (const [name, value] of Object.entries(server.env)) vi.stubEnv(name, value);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await server?.stop();
});

const marker = stateText({
  bus: 'quantbot-artifact-bus',
  layout_version: 1,
  bus_id: 'b',
  created_at: '2026-01-31T12:00:00Z',
});

/** Objects behind a proxy, and the same objects without it. */
async function spoilt(choose: (request: string) => Fault) {
  const proxy = await startProxy(server.port, choose);
  onTestFinished(proxy.close);
  const root = `s3://bus/faults-${++roots}`;
  const objects = await openObjects(root, { endpoint: proxy.endpoint });
  return { root, proxy, objects, direct: await openObjects(root) };
}

/** Spoils the first `times` requests of a kind. */
function first(count: number, fault: Fault, kind: RegExp): (request: string) => Fault {
  let left = count;
  return request => (kind.test(request) && left-- > 0 ? fault : 'pass');
}

describe.skipIf(versitygw === undefined)('an S3 server', () => {
  test('that answers 503 for two seconds is waited for', async () => {
    const until = Date.now() + 2000;
    const { objects } = await spoilt(() => (Date.now() < until ? 'answer 503' : 'pass'));
    expect(await objects.create('a', Buffer.from('a'))).toBe('created');
    expect(Date.now()).toBeGreaterThan(until);
    expect(String(await objects.read('a', 10))).toBe('a');
  });

  test.each([1000, 3_000_000])('that cuts the connection after a PUT of %d bytes keeps the object', async bytes => {
    const { objects, direct } = await spoilt(first(1, 'cut after the answer', /^PUT/));
    const content = randomBytes(bytes);
    const path = join(temporaryFolder(), 'a');
    writeFileSync(path, content);
    expect(await objects.create('a', { path }, { sha256: sha256(content) })).toBe('exists');
    expect(await direct.head('a')).toEqual({ bytes, sha256: sha256(content) });
  });

  test('that refuses a large body by cutting it off is asked whether the object is there', async () => {
    const { objects, direct, proxy } = await spoilt(request =>
      /^PUT/.test(request) ? 'cut after the answer' : 'pass',
    );
    const content = randomBytes(3_000_000);
    await direct.create('a', content);
    expect(await objects.create('a', content)).toBe('exists');
    expect(proxy.requests.map(request => request.split(' ')[0])).toEqual(['PUT', 'HEAD']);
  });

  test('that cuts a multipart upload after its end keeps the object', async () => {
    const proxy = await startProxy(server.port, first(1, 'cut after the answer', /^POST .*uploadId=/));
    onTestFinished(proxy.close);
    const sizes = { multipartAboveBytes: 1000, partBytes: 5 * 1024 ** 2 };
    const objects = await openS3(`s3://bus/faults-${++roots}`, { endpoint: proxy.endpoint }, sizes);
    const content = randomBytes(6_000_000);
    const path = join(temporaryFolder(), 'a');
    writeFileSync(path, content);
    const created = await objects.create('a', { path }); // some servers answer a repeated completion like the first one
    expect(['created', 'exists']).toContain(created);
    expect(proxy.requests.filter(request => /^POST .*uploadId=/.test(request)).length).toBe(2);
    expect(await objects.download('a', `${path}2`)).toEqual({ bytes: content.length, sha256: sha256(content) });
  });

  test('that cuts an answer is asked again', async () => {
    const { objects, direct } = await spoilt(first(2, 'cut in the answer', /^GET/));
    const content = randomBytes(2_000_000);
    const path = join(temporaryFolder(), 'a');
    await direct.create('a', content);
    expect(await objects.download('a', path)).toEqual({ bytes: content.length, sha256: sha256(content) });
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  test.skipIf(!isInSample('that cuts every answer'))(
    'that cuts every answer is given up, and leaves no local file',
    { tags: ['campaign'], timeout: 60_000 },
    async () => {
      const { objects, direct, proxy } = await spoilt(() => 'cut in the answer');
      const path = join(temporaryFolder(), 'a');
      await direct.create('a', randomBytes(2_000_000));
      await expect(objects.download('a', path)).rejects.toEqual(code('OBJECT_STORE_UNREACHABLE'));
      expect(existsSync(path)).toBe(false);
      expect(proxy.requests.length).toBe(9);
    },
  );

  test('that cuts each first answer of a submission takes the job once', async () => {
    const seen = new Set<string>();
    const { root, direct, proxy } = await spoilt(request => {
      if (seen.has(request)) return 'pass';
      seen.add(request);
      return 'cut after the answer';
    });
    await direct.create(objectKeys.marker, Buffer.from(marker));
    const parquetPath = await writeCounting(join(temporaryFolder(), 'a.parquet'), 5);
    vi.stubEnv('AWS_ENDPOINT_URL_S3', proxy.endpoint);
    onTestFinished(() => void vi.stubEnv('AWS_ENDPOINT_URL_S3', server.endpoint));
    const ids = { runId: 'r', producer: 'p', kind: 'k', artifactId: 'a' };
    for (let attempt = 1; attempt <= 2; attempt++)
      await submitArtifact({ ...ids, jobId: 'job-1', parquetPath, busRoot: root });
    const keys = (await direct.list('')).map(({ key }) => key);
    expect(keys.map(key => key.replace(/[0-9a-f]{16}/, 'HASH'))).toEqual([
      'bus.json',
      'inbox/job-1~HASH.json',
      'store/p/k/r@a.HASH.parquet',
    ]);
  });

  test('that does not answer does not hold up who waits for a job', async () => {
    let hangs = false;
    const { root, direct, proxy } = await spoilt(() => (hangs ? 'hang' : 'pass'));
    await direct.create(objectKeys.marker, Buffer.from(marker));
    const parquetPath = await writeCounting(join(temporaryFolder(), 'a.parquet'), 5);
    vi.stubEnv('AWS_ENDPOINT_URL_S3', proxy.endpoint);
    onTestFinished(() => void vi.stubEnv('AWS_ENDPOINT_URL_S3', server.endpoint));
    const submission = await submitArtifact({
      runId: 'r',
      producer: 'p',
      kind: 'k',
      artifactId: 'a',
      parquetPath,
      busRoot: root,
    });
    hangs = true;
    const begun = performance.now();
    await expect(submission.settled({ timeoutMs: 100 })).rejects.toEqual(code('SETTLE_TIMEOUT'));
    const reason = new Error('enough');
    const controller = new AbortController();
    const waiting = submission.settled({ signal: controller.signal });
    setTimeout(() => controller.abort(reason), 50);
    await expect(waiting).rejects.toBe(reason);
    expect(performance.now() - begun).toBeLessThan(15_000); // a request alone waits for 20 s
  });

  test('whose clock differs by an hour takes requests all the same', async () => {
    const objects = await openObjects(`s3://bus/faults-${++roots}`);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 });
    onTestFinished(() => void vi.useRealTimers());
    expect(await objects.create('a', Buffer.from('a'))).toBe('created');
    expect(String(await objects.read('a', 10))).toBe('a');
  });

  test.skipIf(!isInSample('lists 20,000'))(
    'lists 20,000 objects, whole and in order',
    { tags: ['campaign'], timeout: 60_000 },
    async () => {
      const root = `faults-${++roots}`;
      const folder = join(server.folder, 'bus', root, 'inbox');
      mkdirSync(folder, { recursive: true });
      const names = Array.from({ length: 20_000 }, (_, i) => `job-${String(i).padStart(6, '0')}.json`);
      for (const name of names) writeFileSync(join(folder, name), '');
      const objects = await openObjects(`s3://bus/${root}`);
      const listed = await objects.list('inbox/', { limit: 50_000 });
      expect(listed.map(({ key }) => key)).toEqual(names.map(name => `inbox/${name}`));
      expect((await objects.list('inbox/', { after: `inbox/${names[19_990]}` })).length).toBe(9);
    },
  );
});

/** A server that answers each request to remove with the next of these bodies. */
async function removing(...answers: string[]) {
  const bodies: string[] = [];
  const fake = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', chunk => chunks.push(chunk));
    request.on('end', () => {
      bodies.push(Buffer.concat(chunks).toString());
      response.end(`<DeleteResult>${answers[bodies.length - 1] ?? ''}</DeleteResult>`);
    });
  });
  await new Promise<void>(resolve => fake.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    fake.close();
    fake.closeAllConnections();
  });
  const address = fake.address();
  vi.stubEnv('AWS_ACCESS_KEY_ID', server?.env.AWS_ACCESS_KEY_ID ?? 'key');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', server?.env.AWS_SECRET_ACCESS_KEY ?? 'secret');
  const endpoint = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  return { bodies, objects: await openObjects('s3://bus/x', { endpoint }) };
}

const failed = (key: string, code: string) =>
  `<Error><Key>x/${key}</Key><Code>${code}</Code><Message>no</Message></Error>`;

describe('an answer to a removal', () => {
  test('that names a key which fails in passing is asked for again', async () => {
    const { objects, bodies } = await removing(failed('a', 'InternalError') + failed('b', 'NoSuchKey'));
    await objects.remove(['a', 'b']);
    expect(bodies.length).toBe(2);
  });

  test('that names a key which may not be removed is an error with that key', async () => {
    const { objects, bodies } = await removing(failed('a', 'SlowDown') + failed('b', 'AccessDenied'));
    const error = await objects.remove(['a', 'b']).catch((error: unknown) => error as Error);
    expect(error).toEqual(code('OBJECT_STORE_DENIED'));
    expect(String(error)).toContain('x/b');
    expect(bodies.length).toBe(1);
  });

  test('is asked for by the thousand, with every character escaped', async () => {
    const { objects, bodies } = await removing();
    await objects.remove([...Array.from({ length: 1500 }, (_, i) => `${i}`), '<&">\u0001é']);
    expect(bodies.map(body => body.split('<Object>').length - 1)).toEqual([1000, 501]);
    expect(bodies[1]).toContain('<Key>x/&#x3c;&#x26;&#x22;&#x3e;&#x1;é</Key>');
  });
});

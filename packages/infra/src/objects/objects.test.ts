import { hash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type S3Server, startS3, versitygw } from '@quantbot/tooling-servers/s3';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { temporaryFolder } from '../../test/support/folders.js';
import { openObjects } from './index.js';
import type { Objects } from './objects.js';
import { openS3 } from './s3/s3-objects.js';

const sha256 = (content: Uint8Array | string) => hash('sha256', content);
const code = (error: string) => expect.objectContaining({ code: error });

let server: S3Server;
let roots = 0;
let folder: string;

beforeAll(async () => {
  folder = fs.mkdtempSync(join(tmpdir(), 'quantbot-objects-'));
  if (versitygw === undefined) return;
  server = await startS3();
  for (const [name, value] of Object.entries(server.env)) vi.stubEnv(name, value);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  fs.rmSync(folder, { recursive: true, force: true });
  await server?.stop();
});

/** Creates a root for one test. */
const rootOf = (kind: string) =>
  kind === 's3' ? `s3://bus/root-${++roots}/x` : pathToFileURL(join(folder, `root ${++roots}`)).href;
const open = (kind: string): Promise<Objects> => openObjects(rootOf(kind));

const kinds = versitygw === undefined ? ['file'] : ['file', 's3'];
test.skipIf(versitygw !== undefined)('s3:// (needs versitygw)', ({ skip }) => skip('versitygw is not installed'));

describe.each(kinds)('objects of %s://', kind => {
  test('an object is created once, and stays as it was', async () => {
    const objects = await open(kind);
    expect(await objects.create('store/p/k/r@a.parquet', Buffer.from('one'))).toBe('created');
    expect(await objects.create('store/p/k/r@a.parquet', Buffer.from('other'))).toBe('exists');
    expect(String(await objects.read('store/p/k/r@a.parquet', 10))).toBe('one');
  });

  test('of many who create one key at once, one does', async () => {
    const objects = await open(kind);
    const bodies = Array.from({ length: 32 }, (_, i) => Buffer.from(`content ${i}`));
    const answers = await Promise.all(bodies.map(body => objects.create('inbox/race.json', body)));
    expect(answers.filter(answer => answer === 'created')).toEqual(['created']);
    expect(await objects.read('inbox/race.json', 100)).toEqual(bodies[answers.indexOf('created')]);
  });

  test('content that is not what its SHA-256 says is refused, and leaves nothing', async () => {
    const objects = await open(kind);
    const path = join(temporaryFolder(), 'a');
    fs.writeFileSync(path, 'content');
    for (const body of [Buffer.from('content'), { path }])
      await expect(objects.create('a', body, { sha256: sha256('another') })).rejects.toEqual(code('CHECKSUM_MISMATCH'));
    expect(await objects.head('a')).toBeUndefined();
    expect(await objects.list('')).toEqual([]);
    expect(await objects.create('a', { path }, { sha256: sha256('content') })).toBe('created');
  });

  test('a file is uploaded, and comes back byte for byte', async () => {
    const objects = await open(kind);
    const place = temporaryFolder();
    const content = randomBytes(3_000_000);
    fs.writeFileSync(join(place, 'a'), content);
    expect(await objects.create('lake/t/1-2.parquet', { path: join(place, 'a') })).toBe('created');
    expect((await objects.head('lake/t/1-2.parquet'))?.bytes).toBe(content.length);
    const digest = await objects.download('lake/t/1-2.parquet', join(place, 'b'));
    expect(digest).toEqual({ bytes: content.length, sha256: sha256(content) });
    expect(fs.readFileSync(join(place, 'b')).equals(content)).toBe(true);
  });

  test('a large file that exists is not sent again', async () => {
    const objects = await open(kind);
    const path = join(temporaryFolder(), 'a');
    fs.writeFileSync(path, randomBytes(5_000_000));
    expect(await objects.create('a', { path })).toBe('created');
    expect(await objects.create('a', { path })).toBe('exists');
  });

  test('a download replaces no local file, and one that fails leaves none', async () => {
    const objects = await open(kind);
    const path = join(temporaryFolder(), 'a');
    await objects.create('a', Buffer.from('new'));
    fs.writeFileSync(path, 'mine');
    await expect(objects.download('a', path)).rejects.toEqual(code('EEXIST'));
    expect(fs.readFileSync(path, 'utf8')).toBe('mine');
    expect(await objects.download('missing', `${path}2`)).toBeUndefined();
    expect(fs.existsSync(`${path}2`)).toBe(false);
  });

  test('a range is read, and ends where the object ends', async () => {
    const objects = await open(kind);
    await objects.create('a', Buffer.from('0123456789'));
    expect(String(await objects.readRange('a', 2, 3))).toBe('234');
    expect(String(await objects.readRange('a', 8, 100))).toBe('89');
    expect(String(await objects.readRange('a', 10, 5))).toBe('');
    expect(String(await objects.readRange('a', 0, 0))).toBe('');
    await expect(objects.readRange('b', 0, 1)).rejects.toEqual(code('ARTIFACT_MISSING'));
  });

  test('an object larger than the caller takes is not read', async () => {
    const objects = await open(kind);
    await objects.create('a', Buffer.alloc(1000));
    expect((await objects.read('a', 1000))?.length).toBe(1000);
    await expect(objects.read('a', 999)).rejects.toEqual(code('TOO_LARGE'));
  });

  test('an empty object is an object', async () => {
    const objects = await open(kind);
    expect(await objects.create('a', new Uint8Array())).toBe('created');
    expect((await objects.head('a'))?.bytes).toBe(0);
    expect(await objects.read('a', 0)).toEqual(Buffer.alloc(0));
  });

  test('what is not there is undefined, and a list of it is empty', async () => {
    const objects = await open(kind);
    expect(await objects.head('a/b')).toBeUndefined();
    expect(await objects.read('a/b', 10)).toBeUndefined();
    expect(await objects.list('a/')).toEqual([]);
    await objects.remove(['a/b']);
  });

  test('an object is replaced as a whole', async () => {
    const objects = await open(kind);
    await objects.replace('receipts/j.json', Buffer.from('first'));
    await objects.replace('receipts/j.json', Buffer.from('2nd'));
    expect(String(await objects.read('receipts/j.json', 100))).toBe('2nd');
    const path = join(temporaryFolder(), 'export');
    fs.writeFileSync(path, 'a file');
    await objects.replace('receipts/j.json', { path });
    expect(String(await objects.read('receipts/j.json', 100))).toBe('a file');
  });

  test('a list has the order of the keys, begins after one, and ends at a limit', async () => {
    const objects = await open(kind);
    const keys = ['a-b/x', 'a.json', 'a/b', 'a/c/d', 'a/c.json', 'a0', 'b', 'é', 'Z'];
    const before = Date.now() - 2000;
    for (const key of keys) await objects.create(key, Buffer.from(key));
    const listed = await objects.list('');
    expect(listed.map(({ key }) => key)).toEqual(['Z', 'a-b/x', 'a.json', 'a/b', 'a/c.json', 'a/c/d', 'a0', 'b', 'é']);
    for (const { key, bytes, modifiedAtMs } of listed) {
      expect(bytes).toBe(Buffer.byteLength(key));
      expect(modifiedAtMs).toBeGreaterThan(before);
    }
    const names = async (...of: Parameters<Objects['list']>) => (await objects.list(...of)).map(({ key }) => key);
    expect(await names('a/')).toEqual(['a/b', 'a/c.json', 'a/c/d']);
    expect(await names('a')).toEqual(['a-b/x', 'a.json', 'a/b', 'a/c.json', 'a/c/d', 'a0']);
    expect(await names('a', { after: 'a.json', limit: 2 })).toEqual(['a/b', 'a/c.json']);
    expect(await names('', { after: 'a/c.json' })).toEqual(['a/c/d', 'a0', 'b', 'é']);
    expect(await names('a/', { after: 'a/zzz' })).toEqual([]);
  });

  test('a list of more than a page is whole', async () => {
    const objects = await open(kind);
    const keys = Array.from({ length: 1100 }, (_, i) => `inbox/${String(i).padStart(5, '0')}.json`);
    await Promise.all(keys.map(key => objects.create(key, Buffer.from('{}'))));
    expect((await objects.list('inbox/', { limit: 5000 })).map(({ key }) => key)).toEqual(keys);
    const pages: string[] = [];
    for (let after: string | undefined; ; ) {
      const page = await objects.list('inbox/', { limit: 300, ...(after !== undefined && { after }) });
      pages.push(...page.map(({ key }) => key));
      after = page.at(-1)?.key;
      if (page.length < 300) break;
    }
    expect(pages).toEqual(keys);
    await objects.remove(keys);
    expect(await objects.list('')).toEqual([]);
  });

  test('odd characters of a key come back as they were', async () => {
    const objects = await open(kind);
    const keys = ['a b+c', 'a%20b', "q'!*()~", 'x&y<z>"', 'ünï/ç–ø', '😀/1', 'a=b;c,d:e@f$', '#?x', 'A|B^C`{}[]'];
    for (const key of keys) expect(await objects.create(key, Buffer.from(key))).toBe('created');
    for (const key of keys) expect(String(await objects.read(key, 100))).toBe(key);
    expect((await objects.list('')).map(({ key }) => key).sort()).toEqual([...keys].sort());
    await objects.remove(keys);
    expect(await objects.list('')).toEqual([]);
  });

  test.each(['', '/', '/a', 'a/', 'a//b', '.', '..', '../a', 'a/../b', 'a/.b', 'a\0', 'a\nb', 'a\\b'])(
    'the key %j is refused',
    async key => {
      const objects = await open(kind);
      const body = Buffer.from('x');
      const refusal = code('UNSAFE_PATH');
      await expect(objects.create(key, body)).rejects.toEqual(refusal);
      await expect(objects.replace(key, body)).rejects.toEqual(refusal);
      await expect(objects.read(key, 1)).rejects.toEqual(refusal);
      await expect(objects.head(key)).rejects.toEqual(refusal);
    },
  );

  test('the key of 2,000 characters is refused', async () => {
    const objects = await open(kind);
    await expect(objects.create('x'.repeat(2000), Buffer.from('x'))).rejects.toEqual(code('UNSAFE_PATH'));
  });

  test('names where its objects are', async () => {
    const root = rootOf(kind);
    const objects = await openObjects(`${root}/`);
    expect(objects.url).toBe(root);
    expect(objects.locationOf('store/a b')).toBe(
      kind === 's3' ? `${root}/store/a b` : join(folder, `root ${roots}`, 'store/a b'),
    );
  });
});

describe('file://', () => {
  test('no link leads out of the root, neither in reading nor in writing', async () => {
    const root = temporaryFolder();
    const outside = temporaryFolder();
    const objects = await openObjects(pathToFileURL(root).href);
    fs.writeFileSync(join(outside, 'secret'), 'secret');
    fs.symlinkSync(outside, join(root, 'folder'));
    fs.mkdirSync(join(root, 'a'));
    fs.symlinkSync(join(outside, 'secret'), join(root, 'a/link'));
    const refusal = code('UNSAFE_PATH');
    for (const key of ['folder/secret', 'a/link']) {
      await expect(objects.read(key, 10)).rejects.toEqual(refusal);
      await expect(objects.readRange(key, 0, 1)).rejects.toEqual(refusal);
      await expect(objects.head(key)).rejects.toEqual(refusal);
    }
    await expect(objects.create('folder/x', Buffer.from('x'))).rejects.toEqual(refusal);
    await expect(objects.create('folder/new/x', Buffer.from('x'))).rejects.toEqual(refusal);
    await expect(objects.remove(['folder/secret'])).rejects.toEqual(refusal);
    await objects.remove(['a/link']);
    expect(await objects.list('')).toEqual([]);
    expect(fs.readdirSync(outside)).toEqual(['secret']);
  });

  test('what a killed writer left is not listed', async () => {
    const root = temporaryFolder();
    const objects = await openObjects(pathToFileURL(root).href);
    await objects.create('inbox/a.json', Buffer.from('a'));
    fs.writeFileSync(join(root, 'inbox/.b.json.0123456789ab.tmp'), 'half');
    expect((await objects.list('')).map(({ key }) => key)).toEqual(['inbox/a.json']);
    expect(fs.readdirSync(join(root, 'inbox')).length).toBe(2);
  });

  test.each(['file://host/a', 'file:///', 'file:///a?b', 'file:///a*b', 'file:///k=v/x', 'ftp://a', '/a'])(
    'the root %s is refused',
    async url => await expect(openObjects(url)).rejects.toEqual(code('BUS_ROOT_INVALID')),
  );
});

describe.skipIf(versitygw === undefined)('s3://', () => {
  test('the store keeps the SHA-256 of what comes in one piece', async () => {
    const objects = await open('s3');
    await objects.create('a', Buffer.from('content'));
    expect(await objects.head('a')).toEqual({ bytes: 7, sha256: sha256('content') });
  });

  test('a file above the limit comes in parts, once, and only as it was hashed', async () => {
    const objects = await openS3(rootOf('s3'), {}, { multipartAboveBytes: 5_000_000, partBytes: 5 * 1024 ** 2 });
    const place = temporaryFolder();
    const content = randomBytes(12_000_000);
    fs.writeFileSync(join(place, 'a'), content);
    await expect(objects.create('a', { path: join(place, 'a') }, { sha256: sha256('x') })).rejects.toEqual(
      code('CHECKSUM_MISMATCH'),
    );
    expect(await objects.head('a')).toBeUndefined();
    expect(await objects.create('a', { path: join(place, 'a') })).toBe('created');
    expect(await objects.create('a', { path: join(place, 'a') })).toBe('exists');
    await objects.replace('a', { path: join(place, 'a') });
    expect(await objects.head('a')).toEqual({ bytes: content.length });
    expect(await objects.download('a', join(place, 'b'))).toEqual({ bytes: content.length, sha256: sha256(content) });
  });

  test('wrong credentials are an error that names neither', async () => {
    const wrong = 'wrong-secret-0123456789';
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', wrong);
    const objects = await open('s3');
    const error = await objects.create('a', Buffer.from('a')).catch((error: unknown) => error);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', server.env.AWS_SECRET_ACCESS_KEY as string);
    expect(error).toEqual(code('OBJECT_STORE_DENIED'));
    expect(`${error} ${JSON.stringify(error)} ${(error as Error).stack}`).not.toContain(wrong);
  });

  test('a bucket that is not there is an error of its own', async () => {
    const objects = await openObjects('s3://no-such-bucket/x');
    await expect(objects.create('a', Buffer.from('a'))).rejects.toEqual(code('BUS_ROOT_NOT_FOUND'));
    await expect(objects.list('')).rejects.toEqual(code('BUS_ROOT_NOT_FOUND'));
  });

  test.each(['s3://', 's3://a', 's3://key:secret@bucket/x', 's3://bucket/a//b', 's3://bucket/a*', 's3://bucket/k=v'])(
    'the root %s is refused, without being shown',
    async url => {
      const error = await openObjects(url).catch((error: unknown) => error as Error);
      expect(['BUS_ROOT_INVALID', 'UNSAFE_PATH']).toContain((error as { code?: string }).code);
      expect(String(error)).not.toContain('secret');
    },
  );
});

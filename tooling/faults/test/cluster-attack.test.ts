import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { submitArtifact, writeSmallParquet } from '@quantbot/infra/utils';
import { campaign } from '@quantbot/tooling-config/campaign';
import { duckdbExtensions } from '@quantbot/tooling-testing/cluster/extensions';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { World } from '../src/cluster/world.js';

const extensions = duckdbExtensions();
const junk = campaign(5000, 50_000);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** What a producer can do that may write into the store and the inbox, and nothing else. */
describe.skipIf('missing' in extensions)('a producer of a cluster that means harm', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.open({ objects: 'file', daemons: 2, withReplica: false });
    for (const member of world.members) world.start(member);
  });
  afterAll(() => world?.close());

  const put = (key: string, body: Uint8Array | string): string => {
    const path = join(world.objectsFolder, key);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, body);
    return path;
  };

  async function parquet(x: number): Promise<Buffer> {
    const path = join(world.folder, `${randomBytes(6).toString('hex')}.parquet`);
    await writeSmallParquet(path, { columns: { x: 'int64' }, rows: [{ x }] });
    return readFileSync(path);
  }

  interface Parts {
    run?: string;
    producer?: string;
    content: Buffer;
    object?: string;
  }

  /** Puts a manifest into the inbox by hand, as a program of the producer's own would. */
  function submit(jobId: string, { run = jobId, producer = 'evil', content, object }: Parts): void {
    const sha = sha256(content);
    const manifest = JSON.stringify({
      job_id: jobId,
      run_id: run,
      producer,
      kind: 'k',
      created_at_utc: '2026-01-31T12:00:00Z',
      artifacts: [
        {
          artifact_id: 'a',
          sha256: sha,
          bytes: content.length,
          object: object ?? `store/${producer}/k/${run}@a.${sha.slice(0, 16)}.parquet`,
          schema_hint: 'canon.ticks',
        },
      ],
    });
    put(`inbox/${jobId}~${sha256(Buffer.from(manifest)).slice(0, 16)}.json`, manifest);
  }

  const outcome = async (place: 'receipts' | 'rejected', jobId: string): Promise<Record<string, unknown>> => {
    const path = join(world.objectsFolder, place, `${jobId}.json`);
    await eventually(
      () => existsSync(path),
      found => found,
      180_000,
    );
    return JSON.parse(readFileSync(path, 'utf8'));
  };

  /** A job of an honest producer. */
  async function goodJob(jobId: string): Promise<void> {
    const parquetPath = join(world.folder, `${jobId}.parquet`);
    writeFileSync(parquetPath, await parquet(1));
    await submitArtifact({
      busRoot: world.root,
      jobId,
      runId: jobId,
      producer: 'good',
      kind: 'k',
      artifactId: 'a',
      schemaHint: 'canon.ticks',
      parquetPath,
    });
  }

  test.each([
    ['another artifact', 'store/good/k/other@a.0123456789abcdef.parquet'],
    ['a path that leads out', '../secret.parquet'],
    ['a path with a detour', 'store/evil/../../inbox/x.json'],
    ['an absolute path', '/etc/passwd'],
    ['the marker of the bus', 'bus.json'],
    ['a URL', 'file:///etc/passwd'],
    ['a path with a NUL', 'store/evil/k/a\0.parquet'],
  ])('a manifest that names %s is rejected', async (_, object) => {
    const jobId = `path-${sha256(Buffer.from(object)).slice(0, 8)}`;
    submit(jobId, { content: await parquet(1), object });
    const { code, details } = await outcome('rejected', jobId);
    expect([code, String(details)]).toEqual([
      'MANIFEST_INVALID',
      expect.stringContaining('object: must be store/evil/k/'),
    ]);
  });

  test('bytes that do not match their name are rejected, and nothing of them is seen', async () => {
    const content = await parquet(2);
    put(`store/evil/k/wrong@a.${sha256(content).slice(0, 16)}.parquet`, await parquet(3));
    submit('wrong-bytes', { run: 'wrong', content });
    expect(await outcome('rejected', 'wrong-bytes')).toMatchObject({ code: 'CHECKSUM_MISMATCH' });
  });

  test('a link in the store is rejected, and what it leads to is not read', async () => {
    const secret = join(world.folder, 'secret.parquet');
    const bytes = await parquet(4);
    writeFileSync(secret, bytes);
    const object = `store/evil/k/link@a.${sha256(bytes).slice(0, 16)}.parquet`;
    mkdirSync(dirname(join(world.objectsFolder, object)), { recursive: true });
    symlinkSync(secret, join(world.objectsFolder, object));
    submit('link', { content: bytes });
    expect(await outcome('rejected', 'link')).toMatchObject({ code: 'UNSAFE_PATH' });
  });

  test('a job whose object is not there is rejected', async () => {
    submit('missing', { content: await parquet(5) });
    expect(await outcome('rejected', 'missing')).toMatchObject({ code: 'ARTIFACT_MISSING' });
  });

  test('another content of a key that is taken is rejected, and the first stays', async () => {
    await goodJob('first');
    const receipt = await outcome('receipts', 'first');
    const bytes = await parquet(6);
    put(`store/good/k/first@a.${sha256(bytes).slice(0, 16)}.parquet`, bytes);
    submit('usurper', { run: 'first', producer: 'good', content: bytes });
    expect(await outcome('rejected', 'usurper')).toMatchObject({ code: 'ARTIFACT_CONFLICT' });
    expect(await outcome('receipts', 'first')).toEqual(receipt);
  });

  test.each([
    ['no JSON', 'junk', 'junk'],
    ['a hidden name', '.hidden.json', '{}'],
    ['a name with a line break', 'a\nb.json', '{}'],
    ['a name with a backslash', 'a\\b.json', '{}'],
    ['a name in a folder of its own', 'deep/er/x.json', '{}'],
    ['a manifest of 20 MB', 'huge~0123456789abcdef.json', Buffer.alloc(20_000_000, 32)],
    ['deep nesting', 'deep~0123456789abcdef.json', '['.repeat(500_000)],
  ])('an entry of the inbox with %s stops nobody', async (_, name, body) => {
    put(`inbox/${name}`, body);
    const jobId = `after-${sha256(Buffer.from(name)).slice(0, 8)}`;
    await goodJob(jobId);
    expect(await outcome('receipts', jobId)).toMatchObject({ status: 'ingested' });
    // Names with a dot in front are those of files that are being written.
    if (!name.startsWith('.'))
      await eventually(
        () => existsSync(join(world.objectsFolder, 'inbox', name)),
        found => !found,
      );
  });

  test(`${junk} entries that are no submissions do not keep good jobs waiting`, { tags: ['campaign'] }, async () => {
    const inbox = join(world.objectsFolder, 'inbox');
    mkdirSync(inbox, { recursive: true });
    for (let i = 0; i < junk; i++) writeFileSync(join(inbox, `junk-${i}.json`), 'junk');
    const began = performance.now();
    for (let i = 0; i < 5; i++) await goodJob(`zz-among-junk-${i}`);
    for (let i = 0; i < 5; i++)
      expect(await outcome('receipts', `zz-among-junk-${i}`)).toMatchObject({ status: 'ingested' });
    const left = readdirSync(inbox).length;
    console.log(`settled after ${Math.round(performance.now() - began)} ms, with ${left} entries left`);
    for (const { process } of world.members) expect(process?.exitCode).toBeNull();
    expect(left).toBeGreaterThan(0); // so the good jobs were not just the last ones
  });
});

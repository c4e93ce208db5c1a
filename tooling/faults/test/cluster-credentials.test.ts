import { execFileSync } from 'node:child_process';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { forgetArtifacts, submitArtifact, writeSmallParquet } from '@quantbot/infra/utils';
import { versitygw } from '@quantbot/tooling-servers/s3';
import { duckdbExtensions } from '@quantbot/tooling-testing/cluster/extensions';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { World } from '../src/cluster/world.js';

const sha256 = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex');
const hmac = (key: string | Uint8Array, text: string) => createHmac('sha256', key).update(text).digest();
const producer = { key: 'producer', secret: randomBytes(12).toString('hex') };

/** What `cluster init` says that a producer needs. */
const policy = {
  Version: '2012-10-17',
  Statement: [
    { Action: ['s3:PutObject'], places: ['store/*', 'inbox/*'] },
    { Action: ['s3:GetObject'], places: ['bus.json', 'receipts/*', 'rejected/*'] },
  ].map(({ Action, places }) => ({
    Effect: 'Allow',
    Principal: { AWS: [producer.key] },
    Action,
    Resource: places.map(place => `arn:aws:s3:::bus/data/${place}`),
  })),
};

const isPossible = versitygw !== undefined && !('missing' in duckdbExtensions());

describe.skipIf(!isPossible)('the credentials of a producer', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.open({ objects: 's3', daemons: 1, withReplica: false });
    const { endpoint } = world.s3 as NonNullable<World['s3']>;
    const account = ['--access', root().key, '--secret', root().secret, '--endpoint-url', endpoint];
    const user = ['--access', producer.key, '--secret', producer.secret, '--role', 'user'];
    execFileSync(versitygw as string, ['admin', ...account, 'create-user', ...user]);
    expect(await request('PUT', '', { who: root(), query: 'policy=', body: JSON.stringify(policy) })).toBe(204);
    vi.stubEnv('AWS_ACCESS_KEY_ID', producer.key);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', producer.secret);
    vi.stubEnv('AWS_ENDPOINT_URL_S3', endpoint);
    for (const member of world.members) world.start(member);
    await settle('theirs', 1);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await world?.close();
  });

  function root(): { key: string; secret: string } {
    const { env } = world.s3 as NonNullable<World['s3']>;
    return { key: env.AWS_ACCESS_KEY_ID as string, secret: env.AWS_SECRET_ACCESS_KEY as string };
  }

  /** Sends one signed request, and returns the status of its answer. */
  async function request(
    method: string,
    key: string,
    { who = producer, query = '', body = '', headers = {} }: RequestParts = {},
  ): Promise<number> {
    const { endpoint } = world.s3 as NonNullable<World['s3']>;
    const path = `/bus${key && `/data/${key.split('/').map(encodeURIComponent).join('/')}`}`;
    const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
    const all: Record<string, string> = {
      host: new URL(endpoint).host,
      'x-amz-content-sha256': sha256(body),
      'x-amz-date': time,
      ...headers,
    };
    const names = Object.keys(all).sort();
    const canonical = [method, path, query, ...names.map(name => `${name}:${all[name]}`), '', names.join(';')];
    const scope = [time.slice(0, 8), 'us-east-1', 's3', 'aws4_request'];
    const key4 = scope.reduce<string | Uint8Array>(hmac, `AWS4${who.secret}`);
    const text = ['AWS4-HMAC-SHA256', time, scope.join('/'), sha256([...canonical, sha256(body)].join('\n'))].join(
      '\n',
    );
    const signature = hmac(key4, text).toString('hex');
    const authorization = `AWS4-HMAC-SHA256 Credential=${who.key}/${scope.join('/')}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
    const url = `${endpoint}${path}${query && `?${query}`}`;
    const sent = await fetch(url, { method, headers: { ...all, authorization }, ...(body !== '' && { body }) });
    await sent.arrayBuffer();
    return sent.status;
  }

  /** Submits a row with the producer's own credentials, and returns its receipt. */
  async function settle(jobId: string, x: number) {
    const parquetPath = join(world.folder, `${jobId}.parquet`);
    await writeSmallParquet(parquetPath, { columns: { x: 'int64' }, rows: [{ x }] });
    const job = {
      jobId,
      runId: jobId,
      producer: 'p',
      kind: 'k',
      artifactId: 'a',
      schemaHint: 'canon.ticks',
      parquetPath,
    };
    const submission = await submitArtifact({ busRoot: world.root, ...job });
    return submission.settled({ timeoutMs: 180_000 });
  }

  const storedKey = (jobId: string): string => {
    const receipt = JSON.parse(readFileSync(join(world.objectsFolder, 'receipts', `${jobId}.json`), 'utf8'));
    return `store/p/k/${jobId}@a.${receipt.artifacts[0].sha256.slice(0, 16)}.parquet`;
  };

  test('suffice for a submission and its receipt', async () => {
    expect(await settle('own', 2)).toMatchObject({ status: 'ingested' });
    expect(await request('GET', 'receipts/own.json')).toBe(200);
    expect(await request('GET', storedKey('own'), { who: root() })).toBe(200); // so a refusal is one of this account
  });

  test.each<[string, string, string]>([
    ['read an artifact', 'GET', 'stored'],
    ['delete an artifact', 'DELETE', 'stored'],
    ['delete a receipt', 'DELETE', 'receipts/theirs.json'],
    ['write a receipt', 'PUT', 'receipts/theirs.json'],
    ['write into the lake', 'PUT', 'lake/ticks/x.parquet'],
    ['write the marker', 'PUT', 'bus.json'],
    ['write an export', 'PUT', 'exports/x.parquet'],
    ['show that an operator asks', 'PUT', 'operators/evil'],
  ])('do not %s', async (_, method, key) => {
    const at = key === 'stored' ? storedKey('theirs') : key;
    expect(await request(method, at, method === 'PUT' ? { body: 'evil' } : {})).toBe(403);
  });

  test('have nothing forgotten, by the library or by a job of their own writing', async () => {
    const keys = ['theirs/p/k/a'];
    await expect(forgetArtifacts({ keys, force: true }, { busRoot: world.root })).rejects.toThrow();
    const who = { reason: null, by: null };
    const operations = {
      forget: { artifact_keys: keys, force: true, rows: 'drop' },
      keep: { artifact_keys: keys, keep: false },
      table_drop: { table: 'ticks' },
      table_restore: { table: 'ticks' },
      table_rename: { table: 'ticks', to: 'mine' },
      table_retype: { table: 'ticks', column: 'x', column_type: 'BIGINT' },
      table_set_mode: { table: 'ticks', mode: 'latest', key: [], order_by: [] },
    };
    for (const [type, fields] of Object.entries(operations)) {
      const id = type.replace('_', '-');
      const head = { job_id: id, run_id: id, producer: 'p', kind: 'k', created_at_utc: '2026-01-01T00:00:00Z' };
      const op = { type, ...fields, ...who };
      const manifest = JSON.stringify({ manifest_version: 1, ...head, artifacts: [], op });
      expect(await request('PUT', `inbox/${id}~${sha256(manifest).slice(0, 16)}.json`, { body: manifest })).toBe(200);
    }
    for (const type of Object.keys(operations)) {
      const reason = join(world.objectsFolder, `rejected/${type.replace('_', '-')}.json`);
      await eventually(() => existsSync(reason), Boolean);
      expect(JSON.parse(readFileSync(reason, 'utf8')).code, type).toBe('OPERATION_FORBIDDEN');
    }
  });

  test('cost a daemon no more bytes than their manifest says, and no more than a job may have', async () => {
    const content = randomBytes(100);
    const object = `store/p/k/large@a.${sha256(content).slice(0, 16)}.parquet`;
    expect(await request('PUT', object, { body: content.toString('base64') })).toBe(200);
    const codes: Record<string, string> = {};
    for (const [id, bytes] of Object.entries({ more: 100, limit: 2 ** 41 })) {
      const artifact = { artifact_id: 'a', object, bytes, sha256: sha256(content) };
      const head = { job_id: id, run_id: 'large', producer: 'p', kind: 'k', created_at_utc: '2026-01-01T00:00:00Z' };
      const manifest = JSON.stringify({ manifest_version: 1, ...head, artifacts: [artifact] });
      expect(await request('PUT', `inbox/${id}~${sha256(manifest).slice(0, 16)}.json`, { body: manifest })).toBe(200);
      const reason = join(world.objectsFolder, `rejected/${id}.json`);
      await eventually(() => existsSync(reason), Boolean);
      codes[id] = JSON.parse(readFileSync(reason, 'utf8')).code;
    }
    expect(codes).toEqual({ more: 'BYTES_MISMATCH', limit: 'TOO_LARGE' });
  });

  test('do not list', async () => {
    expect(await request('GET', '', { query: 'list-type=2' })).toBe(403);
  });

  test('do not replace an artifact by a conditional write', async () => {
    expect(await request('PUT', storedKey('theirs'), { body: 'evil', headers: { 'if-none-match': '*' } })).toBe(412);
    expect(existsSync(join(world.objectsFolder, storedKey('theirs')))).toBe(true);
  });

  test('cannot change what readers see, even where the store lets them write over an artifact', async () => {
    const seen = () => world.postgres.query('SELECT object, rows FROM bus.fragments ORDER BY last_seq LIMIT 1', 'bus');
    const before = await eventually(seen, ([row]) => row?.object != null);
    expect(await request('PUT', storedKey('theirs'), { body: 'evil' })).toBe(200); // the policy of this server has no conditions
    expect(await settle('after', 3)).toMatchObject({ status: 'ingested' });
    expect(await seen()).toEqual(before);
  });
});

interface RequestParts {
  who?: { key: string; secret: string };
  query?: string;
  body?: string;
  headers?: Record<string, string>;
}

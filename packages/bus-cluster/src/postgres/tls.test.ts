import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PostgresServer, startPostgres } from '@quantbot/tooling-servers/postgres';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Postgres } from './postgres.js';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

describe.skipIf(!hasOpenssl)('a server that takes TLS only', () => {
  let server: PostgresServer;
  let url: string;
  const folder = mkdtempSync(join(tmpdir(), 'quantbot-tls-'));
  const certificate = { key: join(folder, 'server.key'), cert: join(folder, 'server.crt') };

  beforeAll(async () => {
    const ask = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost'.split(' ');
    const names = ['-addext', 'subjectAltName=DNS:localhost'];
    const made = spawnSync('openssl', ['req', ...ask, ...names, '-keyout', certificate.key, '-out', certificate.cert]);
    if (made.status !== 0) throw new Error(String(made.stderr));
    server = await startPostgres({ tls: certificate });
    url = (await server.newDatabase()).replace('127.0.0.1', 'localhost');
  });
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  const isEncrypted = async (parameters: string): Promise<unknown> => {
    const postgres = await Postgres.open(`${url}?${parameters}`);
    onTestFinished(() => postgres.close());
    const [row] = await postgres.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    return row?.ssl;
  };

  test('is reached as the sslmode of its URL says', async () => {
    expect(readFileSync(certificate.cert, 'latin1')).toContain('BEGIN CERTIFICATE');
    expect(await isEncrypted('sslmode=require')).toBe(true);
    expect(await isEncrypted(`sslmode=verify-full&sslrootcert=${certificate.cert}`)).toBe(true);
    expect(await isEncrypted(`sslmode=verify-ca&sslrootcert=${certificate.cert}`)).toBe(true);
  });

  test.each(['sslmode=disable', 'sslmode=verify-full'])('is not reached with %s', async parameters => {
    await expect(isEncrypted(parameters)).rejects.toMatchObject({ code: 'POSTGRES_UNREACHABLE' });
  });
});

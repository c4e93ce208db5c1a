import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { launchDaemon, quantbotBus } from '../support/daemon-process.js';
import { startServing } from '../support/http.js';

const json = { 'Content-Type': 'application/json' };

async function create(bus: TestBus, name: string, ...flags: string[]): Promise<string> {
  const { code, stdout, stderr } = await quantbotBus(bus, 'token', 'create', name, ...flags, '--json');
  expect(code, stderr).toBe(0);
  return (JSON.parse(stdout) as { token: string }).token;
}

test('each token may do what its scopes say, on every route', async () => {
  const bus = makeTestBus();
  const { send, url } = await startServing(bus);
  expect((await send('GET', '/api/v1/status')).status).toBe(200); // no token yet
  const tokens = {
    none: undefined,
    read: await create(bus, 'reader', '--read'),
    operate: await create(bus, 'operator', '--operate'),
    submit: await create(bus, 'producer', '--submit', 'tests'),
  };
  const { paths } = (await (
    await fetch(`${url}/api/v1/openapi.json`, { headers: { Authorization: `Bearer ${tokens.read}` } })
  ).json()) as { paths: Record<string, Record<string, unknown>> };
  const { '/api/v1/session': _, ...guarded } = paths;
  const routes = Object.entries(guarded).flatMap(([path, methods]) =>
    Object.keys(methods).map(method => [method.toUpperCase(), path.replaceAll(/\{\w+\}/g, 'x')] as const),
  );
  for (const [method, path] of [
    ...routes,
    ['GET', '/metrics'],
    ['GET', '/api/v1/events'],
    ['HEAD', '/api/v1/status'],
  ]) {
    const answered: Record<string, boolean> = {};
    for (const [name, token] of Object.entries(tokens)) {
      const headers = { ...json, ...(token !== undefined && { Authorization: `Bearer ${token}` }) };
      const end = new AbortController();
      const body = ['POST', 'PUT'].includes(method) ? '{}' : undefined;
      const { status } = await fetch(`${url}${path}`, { method, headers, body, signal: end.signal });
      end.abort();
      answered[name] = ![401, 403].includes(status);
      expect(status, `${name} ${method} ${path}`).not.toBe(token === undefined ? 403 : 401);
    }
    const isOperation = path.startsWith('/api/v1/operations');
    const submits = !isOperation && (/uploads|outcome/.test(path) || (method === 'POST' && path === '/api/v1/jobs'));
    const reads =
      !submits && !isOperation && (method !== 'POST' || /\/(diff|query|rows|rows\.(parquet|arrow))$/.test(path));
    const operates = !submits && !reads;
    expect(answered, `${method} ${path}`).toEqual({ none: false, read: reads, operate: operates, submit: submits });
  }
});

sampled('a token is created, listed with its last use, and revoked while the daemon runs', async () => {
  const bus = makeTestBus();
  const { send, url, daemon } = await startServing(bus);
  const token = await create(bus, 'notebooks', '--read', '--expires', '90d');
  const Authorization = `Bearer ${token}`;
  const statusOf = async () => (await send('GET', '/api/v1/status', { headers: { Authorization } })).status;
  expect(await statusOf()).toBe(200);
  const events = await fetch(`${url}/api/v1/events`, { headers: { Authorization } });
  const list = async () => (await quantbotBus(bus, 'token', 'list', '--json')).stdout;
  const { tokens } = JSON.parse(await eventually(list, text => !text.includes('"lastUsedAt": null'))) as {
    tokens: Record<string, unknown>[];
  };
  expect(tokens).toMatchObject([
    { name: 'notebooks', scopes: { read: true, operate: false, submit: [] }, hasExpired: false },
  ]);
  expect(await list()).not.toContain(token);
  expect((await quantbotBus(bus, 'token', 'list')).stdout).toMatch(/notebooks .* read .* 20\d\d-/);
  expect((await quantbotBus(bus, 'token', 'revoke', 'notebooks')).code).toBe(0);
  expect(await statusOf()).toBe(401);
  await events.text(); // an open stream ends
  const again = await quantbotBus(bus, 'token', 'revoke', 'notebooks');
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('TOKEN_NOT_FOUND')]);
  expect(daemon.stderr()).not.toContain(token);
});

test.each([
  ['may do nothing', ['create', 'a'], /--read, --submit or --operate/],
  ['submits as nobody', ['create', 'a', '--submit', 'a/b'], /a\/b cannot be the name of a producer/],
  ['ends at no time', ['create', 'a', '--read', '--expires', 'soon'], /such as 90d/],
  ['has a name that leads out', ['create', '../a', '--read'], /TOKEN_NAME_INVALID/],
])('a token that %s is not created', async (_what, args, problem) => {
  const bus = makeTestBus();
  const { code, stderr } = await quantbotBus(bus, 'token', ...args);
  expect(code).toBe(1);
  expect(stderr).toMatch(problem);
  expect(readdirSync(bus.folder)).toEqual(['bus_config.json']);
});

test('for a bus behind a server, no daemon starts, no token is created, and no command says that it is empty', async () => {
  const bus = makeTestBus({ bus_root: 'https://bus.lan' });
  for (const args of [['token', 'create', 'a', '--read'], ['start', '--drain'], ['gc'], ['status'], ['jobs']]) {
    const { code, stderr } = await quantbotBus(bus, ...args);
    expect([code, stderr], args[0]).toEqual([1, expect.stringContaining('NOT_A_FOLDER')]);
  }
  expect(readdirSync(bus.folder)).toEqual(['bus_config.json']);
});

sampled('with a token that was created before the first start, it serves other machines', async () => {
  const bus = makeTestBus({ http: { listen: '0.0.0.0:0' } });
  const token = await create(bus, 'first', '--read');
  const { send } = await startServing(bus, '0.0.0.0:0');
  expect((await send('GET', '/api/v1/status')).status).toBe(401);
  expect((await send('GET', '/api/v1/status', { headers: { Authorization: `Bearer ${token}` } })).status).toBe(200);
  const enter = await send('POST', '/api/v1/session', { headers: json, body: JSON.stringify({ token }) });
  const [cookie = ''] = enter.headers['set-cookie'] as string[];
  for (const stored of readdirSync(join(bus.layout.root, 'tokens')))
    expect(readFileSync(join(bus.layout.root, 'tokens', stored), 'utf8')).not.toContain(cookie.split(/[=;]/)[1]);
  const Cookie = cookie.split(';')[0] as string;
  expect((await send('GET', '/api/v1/status', { headers: { Cookie } })).status).toBe(200);
});

sampled('it does not serve if others can create tokens', async () => {
  const bus = makeTestBus({ http: { listen: '127.0.0.1:0' } });
  await create(bus, 'a', '--read');
  chmodSync(join(bus.layout.root, 'tokens'), 0o777);
  const daemon = launchDaemon(bus);
  expect((await daemon.ended).code).toBe(1);
  expect(daemon.stderr()).toContain('HTTP_TOKEN_INVALID');
});

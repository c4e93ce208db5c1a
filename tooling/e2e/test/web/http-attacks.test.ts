import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { sampleOf } from '@quantbot/tooling-config/campaign';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, onTestFinished, test } from 'vitest';
import { startServing } from '../support/http.js';

const codeOf = (answer: { text: string }) => (JSON.parse(answer.text) as { error: { code: string } }).error.code;
const json = { 'Content-Type': 'application/json' };
const token = 'a-token-of-a-test-0123456789';

function busWithToken(settings: Record<string, unknown> = {}): TestBus {
  const bus = makeTestBus({ http: { token_file: 'token', ...settings } });
  writeFileSync(join(bus.folder, 'token'), `${token}\n`);
  return bus;
}

test('a name that somebody made point to this machine is refused, addresses and allowed names are not', async () => {
  const { send } = await startServing(makeTestBus({ http: { allowed_hosts: ['bus.lab:8080'] } }));
  const statusOf = async (Host: string) => (await send('GET', '/api/v1/status', { headers: { Host } })).status;
  for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', 'bus.lab'])
    expect(await statusOf(host), host).toBe(421);
  for (const host of ['localhost', 'localhost:9', '127.0.0.1:7171', '[::1]:7171', 'bus.lab:8080'])
    expect(await statusOf(host), host).toBe(200);
  const page = await send('GET', '/', { headers: { Host: 'evil.example' } });
  expect([page.status, codeOf(page)]).toEqual([421, 'HTTP_HOST_REFUSED']);
});

test('a page of another origin can have nothing done, and reads nothing', async () => {
  const { send, url } = await startServing(makeTestBus());
  const { host } = new URL(url);
  const ask = (headers: Record<string, string>, method = 'POST') =>
    send(method, method === 'POST' ? '/api/v1/query' : '/api/v1/status', {
      headers: { ...json, ...headers },
      body: method === 'POST' ? '{"sql":"SELECT 1"}' : undefined,
    });
  for (const Origin of [
    'http://evil.example',
    'null',
    `http://${host}.evil.example`,
    `http://localhost:1`,
    'file://',
  ]) {
    expect(codeOf(await ask({ Origin })), Origin).toBe('HTTP_ORIGIN_REFUSED');
    const read = await ask({ Origin }, 'GET');
    expect(codeOf(read), Origin).toBe('HTTP_ORIGIN_REFUSED');
    expect(read.headers['access-control-allow-origin']).toBeUndefined();
  }
  expect(codeOf(await ask({ 'Sec-Fetch-Site': 'cross-site' }))).toBe('HTTP_ORIGIN_REFUSED');
  expect((await ask({ Origin: `http://${host}`, 'Sec-Fetch-Site': 'same-origin' })).status).toBe(200);
  // The requests that a form can send without a preflight.
  const form = await send('POST', '/api/v1/query', {
    headers: { 'Content-Type': 'text/plain' },
    body: '{"sql":"SELECT 1"}',
  });
  expect([form.status, codeOf(form)]).toEqual([400, 'HTTP_REQUEST_INVALID']);
});

test('no path of a request leads to a file', async () => {
  const { send } = await startServing(makeTestBus());
  for (const path of [
    '/../package.json',
    '/%2e%2e/%2e%2e/package.json',
    '/assets/..%2f..%2fcli.js',
    '/..\\..\\package.json',
    '//etc/passwd',
    '/assets/%00',
    '/index.html/../../cli.js',
    '/api/v1/jobs/..%2f..%2fbus_config.json',
    '/api/v1/jobs/%2e%2e',
    '/api/v1/tables/..%2f..%2f/history',
    '/api/v1/preview?key=../../../../etc/passwd',
    "/api/v1/preview?key=x') UNION SELECT content FROM read_text('/etc/passwd",
  ]) {
    const answer = await send('GET', encodeURI(path).replaceAll('%25', '%'));
    expect([400, 404], `${path}: ${answer.text}`).toContain(answer.status);
    expect(answer.text).not.toMatch(/root:|"name": "@quantbot/);
  }
  const retried = await send('POST', '/api/v1/jobs/..%2f..%2finbox/retry', { headers: json, body: '{}' });
  expect(codeOf(retried)).toBe('JOB_NOT_FOUND');
});

test.each([
  ['reads a file', "SELECT * FROM read_text('/etc/passwd')", 'OUT_OF_REACH'],
  ['reads the token', "SELECT * FROM read_text('token')", 'OUT_OF_REACH'],
  ['writes a file', "COPY (SELECT 1) TO '/tmp/x.csv'", 'NOT_ONE_SELECT'],
  ['changes a setting', 'SET enable_external_access = true', 'NOT_ONE_SELECT'],
  ['is two statements', 'SELECT 1; DROP VIEW catalog.jobs_f', 'NOT_ONE_SELECT'],
  ['drops a view', 'DROP VIEW catalog.jobs_f', 'NOT_ONE_SELECT'],
  ['attaches another database', "ATTACH '/tmp/x.duckdb'", 'NOT_ONE_SELECT'],
  ['asks another server', "SELECT * FROM read_csv('http://127.0.0.1:1/x.csv')", 'OUT_OF_REACH'],
])('SQL that %s is refused, and the daemon goes on', (_what, sql, code) => expectRefused(sql, code));

const costly: [string, string, string | RegExp][] = [
  [
    'wants all memory',
    "SELECT list(repeat('x', 1000) || range) FROM range(100000000)",
    /READ_FAILED|QUERY_TIMEOUT|WORKER/,
  ],
  ['makes one value of gigabytes', 'SELECT unnest(range(1000000000))', /READ_FAILED|QUERY_TIMEOUT|WORKER/],
  ['makes an error of megabytes', "SELECT error(repeat('E', 5000000))", 'QUERY_FAILED'],
];

test.each(sampleOf(costly, 1))(
  'SQL that %s is refused, and the daemon goes on',
  { tags: ['campaign'] },
  (_what, sql, code) => expectRefused(sql, code),
);

sampled('SQL that never ends is refused, and the daemon goes on', () =>
  expectRefused(
    'SELECT count(*) FROM range(1000000000) a, range(1000000) b WHERE a.range + b.range = -1',
    /QUERY_TIMEOUT|WORKER_TIMEOUT/,
  ),
);

async function expectRefused(sql: string, code: string | RegExp): Promise<void> {
  const bus = busWithToken();
  const { send, daemon } = await startServing(bus);
  const Authorization = `Bearer ${token}`;
  const answer = await send('POST', '/api/v1/query', {
    headers: { ...json, Authorization },
    body: JSON.stringify({ sql }),
  });
  expect(codeOf(answer), answer.text).toMatch(code);
  expect(answer.text).not.toContain(token);
  expect(answer.text.length).toBeLessThan(100_000);
  expect((await (await submit(bus)).settled()).status).toBe('ingested');
  expect(readdirSync(bus.layout.building).filter(name => name.startsWith('spill-select'))).toEqual([]);
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
}

sampled('an answer has an end: rows, bytes, questions at once, listeners', async () => {
  const { post, send, url } = await startServing(makeTestBus());
  const { rows, isCut } = (await post('/api/v1/query', { sql: 'FROM range(100000)', limit: 10_000 })).json() as {
    rows: unknown[];
    isCut: boolean;
  };
  expect([rows.length, isCut]).toEqual([10_000, true]);
  expect(codeOf(await post('/api/v1/query', { sql: 'FROM range(100000)', limit: 10_001 }))).toBe(
    'HTTP_REQUEST_INVALID',
  );
  const wide = await post('/api/v1/query', { sql: "SELECT repeat('x', 1000000) FROM range(100)", limit: 100 });
  expect(wide.text.length).toBeLessThan(5 * 1024 * 1024);
  expect((wide.json() as { isCut: boolean }).isCut).toBe(true);
  const slow = 'SELECT count(*) FROM range(1000000000) a, range(1000000) b WHERE a.range + b.range = -1';
  const answers = await Promise.all(Array.from({ length: 5 }, () => post('/api/v1/query', { sql: slow })));
  expect(answers.map(codeOf).sort()).toEqual(['HTTP_BUSY', ...Array<string>(4).fill('QUERY_TIMEOUT')]);
  const end = new AbortController();
  onTestFinished(() => end.abort());
  const listeners = await Promise.all(
    Array.from({ length: 33 }, () => fetch(`${url}/api/v1/events`, { signal: end.signal })),
  );
  expect(
    listeners
      .map(({ status }) => status)
      .sort()
      .slice(-2),
  ).toEqual([200, 503]);
  end.abort();
  await eventually(
    async () => (await fetch(`${url}/api/v1/events`, { signal: AbortSignal.timeout(500) })).status,
    status => status === 200,
  );
  expect((await send('GET', '/healthz')).status).toBe(200);
});

test('a listener ends with its connection, however it was asked for, and HEAD is none', async () => {
  const { send, url } = await startServing(makeTestBus());
  const heads = await Promise.all(Array.from({ length: 40 }, () => send('HEAD', '/api/v1/events')));
  expect(new Set(heads.map(({ status }) => status))).toEqual(new Set([200]));
  const { hostname, port } = new URL(url);
  for (let round = 0; round < 40; round++) {
    const socket = connect(Number(port), hostname);
    socket.write(`GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(3)); // pipelined
    await once(socket, 'data');
    socket.destroy();
  }
  const end = new AbortController();
  onTestFinished(() => end.abort());
  const listen = () => fetch(`${url}/api/v1/events`, { signal: end.signal }).then(({ status }) => status);
  await eventually(
    () => Promise.all(Array.from({ length: 8 }, listen)),
    statuses => statuses.every(status => status === 200),
  );
});

test('connections that ask for nothing keep neither a health check nor a job waiting', async () => {
  const bus = makeTestBus();
  const { url, daemon, send } = await startServing(bus);
  const { hostname, port } = new URL(url);
  const silent = Array.from({ length: 600 }, () => {
    const socket = connect(Number(port), hostname).on('error', () => {});
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n');
    return socket;
  });
  onTestFinished(() => {
    for (const socket of silent) socket.destroy();
  });
  await eventually(
    () => silent.filter(socket => socket.closed).length,
    closed => closed >= 600 - 256,
  );
  expect((await send('GET', '/healthz')).status).toBe(200);
  expect((await (await submit(bus)).settled()).status).toBe('ingested');
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
});

test('a body that is too large, no JSON, or not what is asked for is refused with what is wrong', async () => {
  const { send, post } = await startServing(makeTestBus());
  const large = await send('POST', '/api/v1/query', {
    headers: json,
    body: JSON.stringify({ sql: 'x'.repeat(70_000) }),
  });
  expect([large.status, codeOf(large)]).toEqual([413, 'HTTP_TOO_LARGE']);
  const chunked = { ...json, 'Transfer-Encoding': 'chunked' };
  const unannounced = await send('POST', '/api/v1/query', { headers: chunked, body: 'x'.repeat(200_000) });
  expect(codeOf(unannounced)).toBe('HTTP_TOO_LARGE');
  const broken = await send('POST', '/api/v1/query', { headers: json, body: '{' });
  expect([broken.status, codeOf(broken)]).toEqual([400, 'HTTP_REQUEST_INVALID']);
  for (const [route, body, problem] of [
    ['query', '{"sql": "SELECT 1", "sql": "SELECT 2"}', 'The body has a key twice: "sql".'],
    ['query', '{"sql": "SELECT 1", "limit": 9007199254740993}', 'The body has the number 9007199254740993, '],
    ['rows', '{"sql": "SELECT ?", "params": "[\\"list\\",9007199254740993]"}', 'has the number 9007199254740993, '],
    ['diff', '{"left": "a/b/c/d", "right": "a/b/c/e", "left": "a/b/c/f"}', 'The body has a key twice: "left".'],
  ] as const) {
    const refused = await send('POST', `/api/v1/${route}`, { headers: json, body });
    expect([refused.status, refused.text]).toEqual([
      400,
      expect.stringContaining(JSON.stringify(problem).slice(1, -1)),
    ]);
  }
  const wrong = await post('/api/v1/query', { sql: 1, more: true });
  expect((wrong.json() as { error: { details: string[] } }).error.details.join()).toMatch(/sql: .*more/);
  for (const misspelt of [
    'artifacts?producers=a',
    'jobs?state=rejected',
    'runs?producer=a',
    'lineage?key=a/b/c/d&step=1',
  ]) {
    const refused = await send('GET', `/api/v1/${misspelt}`);
    expect([misspelt, refused.status, codeOf(refused)]).toEqual([misspelt, 400, 'HTTP_REQUEST_INVALID']);
    expect(refused.text).toContain('query: Unrecognized key');
  }
});

test('with a token only the page, health checks and the log-in are open', async () => {
  const { send } = await startServing(busWithToken());
  const statusOf = async (path: string, headers = {}) => (await send('GET', path, { headers })).status;
  const closed = ['/api/v1/status', '/api/v1/events', '/api/v1/openapi.json', '/api/v1/nothing', '/metrics'];
  for (const path of closed) expect(await statusOf(path), path).toBe(401);
  for (const path of ['/', '/healthz', '/readyz']) expect(await statusOf(path), path).toBe(200);
  for (const wrong of ['', 'Bearer', 'Bearer x', `Bearer ${token}x`, `Basic ${token}`, `Bearer ${token.slice(0, -1)}`])
    expect(await statusOf('/api/v1/status', { Authorization: wrong }), wrong).toBe(401);
  expect(await statusOf('/api/v1/status', { Authorization: `Bearer ${token}` })).toBe(200);
  expect(await statusOf('/metrics', { Authorization: `Bearer ${token}` })).toBe(200);
});

test('a browser gets a cookie for the token, which no script reads and no other site sends', async () => {
  const { send } = await startServing(busWithToken());
  const enter = (given: string) =>
    send('POST', '/api/v1/session', { headers: json, body: JSON.stringify({ token: given }) });
  const wrong = await enter('not the token');
  expect([wrong.status, wrong.headers['set-cookie']]).toEqual([401, undefined]);
  const [cookie = ''] = (await enter(token)).headers['set-cookie'] as string[];
  expect(cookie).toMatch(/; HttpOnly/);
  expect(cookie).toMatch(/; SameSite=Strict/);
  expect(cookie).not.toContain(token);
  const Cookie = cookie.split(';')[0] as string;
  expect((await send('GET', '/api/v1/status', { headers: { Cookie } })).status).toBe(200);
  expect((await send('GET', '/api/v1/status', { headers: { Cookie: `${Cookie}0` } })).status).toBe(401);
});

test('the page is sent with a strict policy, and can be put into no frame', async () => {
  const { send } = await startServing(makeTestBus());
  const { headers } = await send('GET', '/');
  const policy = String(headers['content-security-policy']);
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toMatch(/unsafe|\*|https?:/);
  expect(headers['x-content-type-options']).toBe('nosniff');
  expect(headers['x-frame-options']).toBe('DENY');
  expect((await send('GET', '/api/v1/status')).headers['cache-control']).toBe('no-store');
});

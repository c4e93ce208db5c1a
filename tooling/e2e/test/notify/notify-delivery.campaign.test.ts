// @module-tag campaign
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain, launchDaemon, startDaemon } from '../support/daemon-process.js';
import { noting, startReceiver, submitBad, told } from '../support/hook-receiver.js';

const busWithHooks = (...hooks: object[]): TestBus =>
  makeTestBus({ notify: hooks.map((hook, i) => ({ name: `hook-${i}`, group_wait_s: 0, ...hook })) });

const verbose = { QUANTBOT_LOG_LEVEL: 'trace' };

test('a webhook that answers 500 gets the same notification again until it takes it', async () => {
  const { url, received } = await startReceiver((response, n) => {
    response.writeHead(n < 3 ? 500 : 200).end('ok');
  });
  const bus = busWithHooks({ webhook: url });
  submitBad(bus, 'bad-1');
  const daemon = await drain(bus); // it waits for that
  expect(received.map(({ body }) => body.jobs?.[0]?.job_id)).toEqual(['bad-1', 'bad-1', 'bad-1']);
  expect(new Set(received.map(({ body }) => body.id)).size).toBe(1);
  expect(daemon.log().filter(({ level }) => level >= 50)).toEqual([]);
});

test('a webhook that asks for time (Retry-After) is not told again before', async () => {
  const at: number[] = [];
  const { url } = await startReceiver((response, n) => {
    at.push(performance.now());
    response.writeHead(n < 2 ? 429 : 200, { 'Retry-After': '3' }).end();
  });
  const bus = busWithHooks({ webhook: url });
  submitBad(bus, 'bad-1');
  await drain(bus);
  expect(at).toHaveLength(2);
  expect((at[1] as number) - (at[0] as number)).toBeGreaterThanOrEqual(2990); // timers may be a millisecond early
});

test('a hook that fails for good is logged with a code, a hint and the reason, and the next notification is tried anew', async () => {
  const { url, received } = await startReceiver((response, n) => {
    response.writeHead(n <= 2 ? 503 : 204).end();
  });
  const bus = busWithHooks({ webhook: url, retries: 1 });
  const daemon = await startDaemon(bus);
  submitBad(bus, 'bad-1');
  const line = await daemon.logged('could not be notified');
  expect(line).toMatchObject({
    hook: 'hook-0',
    event: 'rejected',
    count: 1,
    err: { code: 'NOTIFY_FAILED', message: expect.stringContaining(`${url} answered 503`) },
    hint: expect.stringContaining('quantbot-bus notify'),
  });
  submitBad(bus, 'bad-2');
  await eventually(
    () => received.length,
    n => n === 3,
  );
  expect(received.map(({ body }) => body.jobs?.[0]?.job_id)).toEqual(['bad-1', 'bad-1', 'bad-2']);
});

test.for([
  { what: 'a refusal', status: 404, headers: {} },
  { what: 'a redirect, which is not followed', status: 307, headers: { Location: '/elsewhere' } },
])('what will not become better is tried once: $what', async ({ status, headers }) => {
  const { url, received } = await startReceiver(response => {
    response.writeHead(status, headers).end('the reason');
  });
  const bus = busWithHooks({ webhook: `${url}/here`, retries: 20 });
  submitBad(bus, 'bad-1');
  const daemon = launchDaemon(bus, { args: ['--drain'], env: verbose });
  expect(await daemon.ended).toMatchObject({ code: 0 });
  expect(received.map(({ path }) => path)).toEqual(['/here']);
  expect(daemon.log().find(({ msg }) => msg === 'a hook could not be notified')).toMatchObject({
    level: 20,
    output: 'the reason',
  });
});

test('what cannot be reached or started is told in the log, and everything else goes on', async () => {
  const bus = busWithHooks(
    { webhook: 'http://127.0.0.1:1/', retries: 0 },
    { command: ['no-such-program'], retries: 20 },
    { command: ['sh', '-c', 'echo why it failed >&2; exit 3'], retries: 0 },
    { command: noting() },
  );
  submitBad(bus, 'bad-1');
  await submit(bus, { runId: 'good' }).catch(() => {});
  const daemon = launchDaemon(bus, { args: ['--drain'], env: verbose });
  expect(await daemon.ended).toMatchObject({ code: 0 });
  const failures = daemon.log().filter(({ err }) => err?.code === 'NOTIFY_FAILED');
  expect(Object.fromEntries(failures.map(({ hook, err }) => [hook, err?.message]))).toEqual({
    'hook-0': expect.stringMatching(/http:\/\/127\.0\.0\.1:1 could not be reached: (ECONNREFUSED|TypeError|Error)/),
    'hook-1': expect.stringContaining(
      'no-such-program could not be started: the program or its working folder does not exist',
    ),
    'hook-2': expect.stringContaining('sh exited with code 3'),
  });
  expect(daemon.log().find(({ output }) => output === 'why it failed\n')).toMatchObject({ level: 20 });
  expect(told(bus)).toHaveLength(1);
});

test('a command that does not end in time is killed with everything that it has started', async () => {
  const bus = busWithHooks({
    command: ['sh', '-c', 'sleep 1000 & echo $! > child.pid; wait'],
    timeout_s: 1,
    retries: 0,
  });
  submitBad(bus, 'bad-1');
  const daemon = await drain(bus);
  expect(daemon.log().find(({ err }) => err?.code === 'NOTIFY_FAILED')?.err?.message).toContain(
    'did not exit within 1 s',
  );
  await expectGone(bus);
});

test('a webhook that does not answer in time has failed', async () => {
  const { url, received } = await startReceiver(() => {});
  const bus = busWithHooks({ webhook: url, timeout_s: 0.3, retries: 1 });
  submitBad(bus, 'bad-1');
  const daemon = await drain(bus);
  expect(daemon.log().find(({ err }) => err?.code === 'NOTIFY_FAILED')?.err?.message).toContain(
    'did not answer within',
  );
  expect(received).toHaveLength(2);
});

test('a hook that never ends keeps neither jobs, nor exports, nor other hooks waiting', async () => {
  const bus = busWithHooks(
    { command: ['sh', '-c', 'echo $$ > child.pid; exec sleep 1000'], timeout_s: 3600 },
    { command: noting() },
  );
  const daemon = await startDaemon(bus);
  submitBad(bus, 'bad-1');
  await eventually(
    () => existsSync(join(bus.folder, 'child.pid')) && told(bus).length,
    n => n === 1,
  );
  for (let i = 0; i < 3; i++) {
    await (await submit(bus, { schemaHint: 'canon.numbers' })).settled();
    submitBad(bus, `bad-more-${i}`);
  }
  await daemon.logged('export written');
  await eventually(
    () => told(bus).reduce((sum, { count = 0 }) => sum + count, 0),
    n => n === 4,
  );
  // The hook still hangs. A daemon that is asked to end abandons it.
  process.kill(Number(readFileSync(join(bus.folder, 'child.pid'), 'utf8')), 0);
  expect(await daemon.stop()).toMatchObject({ code: 0 });
  expect(daemon.log().find(({ msg }) => msg.includes('before a hook received every notification'))).toMatchObject({
    hook: 'hook-0',
    notifications: 2, // the first rejection, and the three others together
  });
  await expectGone(bus);
});

test('a burst of rejections is one notification with their number and the first hundred', async () => {
  const bus = makeTestBus({ notify: [{ name: 'all', command: noting(), group_wait_s: 3600 }] });
  for (let i = 0; i < 250; i++) submitBad(bus, `bad-${i}`);
  await drain(bus); // what it ends with does not wait
  const [document, ...more] = told(bus);
  expect(more).toEqual([]);
  expect(document).toMatchObject({ event: 'rejected', count: 250 });
  expect(document?.jobs).toHaveLength(100);
  expect(document?.jobs?.map(({ seq }) => seq)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  expect(document?.text).toContain('250 jobs were rejected, first ');
});

test('what comes while a hook is being told is told together afterwards, in its order', async () => {
  const bus = busWithHooks({
    command: ['sh', '-c', 'touch began; while [ ! -e go ]; do sleep 0.05; done; cat >> told.jsonl; echo >> told.jsonl'],
    timeout_s: 60,
  });
  const daemon = await startDaemon(bus);
  submitBad(bus, 'bad-0');
  await eventually(
    () => existsSync(join(bus.folder, 'began')),
    there => there,
  );
  for (let i = 1; i <= 5; i++) {
    submitBad(bus, `bad-${i}`);
    await eventually(
      () => existsSync(join(bus.layout.rejected, `bad-${i}/REJECT_REASON.json`)),
      there => there,
    );
  }
  writeFileSync(join(bus.folder, 'go'), '');
  await eventually(
    () => told(bus).length,
    n => n === 2,
  );
  expect(told(bus).map(({ jobs }) => jobs?.map(job => job.job_id))).toEqual([
    ['bad-0'],
    ['bad-1', 'bad-2', 'bad-3', 'bad-4', 'bad-5'],
  ]);
  await daemon.stop();
});

const hanging = {
  name: 'hangs',
  command: ['sh', '-c', 'echo $$ > child.pid; exec sleep 1000'],
  timeout_s: 3600,
  group_wait_s: 0,
};

test('a daemon that drains ends when it is asked to, whatever its hooks and its exports do', async () => {
  const endless = { name: 'endless', sql: 'SELECT max(a.i * b.i) FROM canon.n a, canon.n b, canon.n c' };
  const bus = makeTestBus({
    notify: [hanging],
    canon: { tables: { n: { columns: { i: { type: 'BIGINT' } } } } },
    export: { jobs: [endless] },
  });
  await drain(bus);
  await submit(bus, { schemaHint: 'canon.n', select: 'SELECT i FROM range(20000) t(i)' });
  submitBad(bus, 'bad-1');
  const daemon = launchDaemon(bus, { args: ['--drain'] });
  await daemon.logged(({ export: name, rows }) => name === 'n' && rows === 20_000); // the endless one is next
  await began(bus);
  expect(await daemon.stop()).toMatchObject({ code: 0 });
  expect(daemon.log().find(({ msg }) => msg.includes('before a hook received'))).toMatchObject({ notifications: 1 });
  await expectGone(bus);
});

/** Waits until {@link hanging} runs. */
const began = ({ folder }: TestBus) =>
  eventually(
    () => existsSync(join(folder, 'child.pid')),
    there => there,
  );

test('secrets come from the environment, and are nowhere in the log', async () => {
  const { url, received } = await startReceiver((response, n) => {
    response.writeHead(n === 1 ? 500 : 403).end();
  });
  const bus = busWithHooks(
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration names a variable so
    { webhook: '${HOOK_URL}/${PATH_KEY}', headers: { Authorization: 'Bearer ${TOKEN}' } },
  );
  submitBad(bus, 'bad-1');
  const env = { ...verbose, HOOK_URL: url, PATH_KEY: 'hidden-path', TOKEN: 'hidden-token' };
  const daemon = launchDaemon(bus, { args: ['--drain'], env });
  expect(await daemon.ended).toMatchObject({ code: 0 });
  expect(received).toMatchObject([
    { path: '/hidden-path', headers: { authorization: 'Bearer hidden-token' } },
    { path: '/hidden-path' },
  ]);
  expect(daemon.stderr()).toContain('answered 403');
  expect(daemon.stderr()).not.toContain('hidden');
});

test.for([
  { what: 'is not set', env: {}, message: 'needs HOOK_URL, TOKEN, which is not set' },
  { what: 'is no address', env: { HOOK_URL: 'hidden', TOKEN: 'x' }, message: 'must be an http or https address' },
  { what: 'ends a line', env: { HOOK_URL: 'http://127.0.0.1/', TOKEN: 'hidden\nX: y' }, message: 'line break' },
])('a daemon does not start with a hook whose variable $what', async ({ env, message }) => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration names a variable so
  const bus = busWithHooks({ webhook: '${HOOK_URL}', headers: { Authorization: 'Bearer ${TOKEN}' } });
  const daemon = launchDaemon(bus, { env });
  expect((await daemon.ended).code).not.toBe(0);
  expect(daemon.stderr()).toContain('NOTIFY_VARIABLE_INVALID');
  expect(daemon.stderr()).toContain(message);
  expect(daemon.stderr()).not.toContain('hidden');
});

/** Expects that the process whose id a command has stored has ended. */
async function expectGone(bus: TestBus): Promise<void> {
  const pid = Number(readFileSync(join(bus.folder, 'child.pid'), 'utf8'));
  expect(pid).toBeGreaterThan(1);
  const state = () => {
    try {
      return /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    } catch {
      return 'gone';
    }
  };
  // A killed process stays as a zombie until its parent waits for it.
  await eventually(state, found => found === 'gone' || found === 'Z');
}

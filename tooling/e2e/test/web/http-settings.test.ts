import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { sampleOf } from '@quantbot/tooling-config/campaign';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, onTestFinished, test } from 'vitest';
import { launchDaemon } from '../support/daemon-process.js';
import { sendRaw, startServing } from '../support/http.js';

const token = 'a-token-of-a-test-0123456789';

function busWithToken(settings: Record<string, unknown> = {}): TestBus {
  const bus = makeTestBus({ http: { token_file: 'token', ...settings } });
  writeFileSync(join(bus.folder, 'token'), `${token}\n`);
  return bus;
}

test.each([
  ['for other machines without a token', { listen: '0.0.0.0:0' }, undefined, 'HTTP_TOKEN_NEEDED'],
  ['with a token that is not there', { token_file: 'nowhere' }, undefined, 'HTTP_TOKEN_INVALID'],
  ['with a token that can be guessed', { token_file: 'token' }, 'secret\n', 'HTTP_TOKEN_INVALID'],
])('it does not start %s', async (_what, http, content, code) => {
  const bus = makeTestBus({ http: { listen: '127.0.0.1:0', ...http } });
  if (content !== undefined) writeFileSync(join(bus.folder, 'token'), content);
  const daemon = launchDaemon(bus);
  expect((await daemon.ended).code).toBe(1);
  expect(daemon.stderr()).toContain(code);
});

test('for other machines it starts with a token', async () => {
  const bus = busWithToken();
  const { url } = await startServing(bus, '0.0.0.0:0');
  expect((await sendRaw(url, 'GET', '/api/v1/status')).status).toBe(401);
  const Authorization = `Bearer ${token}`;
  expect((await sendRaw(url, 'GET', '/api/v1/status', { headers: { Authorization } })).status).toBe(200);
});

test('an address that is taken is told, and the bus is free for another daemon', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => {
    other.close();
  });
  await eventually(() => other.listening, Boolean);
  const bus = makeTestBus();
  const taken = `127.0.0.1:${(other.address() as AddressInfo).port}`;
  const daemon = launchDaemon(bus, { args: ['--http', taken] });
  expect((await daemon.ended).code).toBe(1);
  expect(daemon.stderr()).toMatch(/HTTP_LISTEN_FAILED[\s\S]*EADDRINUSE/);
  const next = await startServing(bus);
  expect(await next.daemon.stop()).toEqual({ code: 0, signal: null });
});

test.each(sampleOf(['7171', 'localhost', 'http://localhost:1', '127.0.0.1:70000', '::1:7171'], 2))(
  '--http %s is no address, and the error says what one is',
  { tags: ['campaign'] },
  async address => {
    const daemon = launchDaemon(makeTestBus(), { args: ['--http', address] });
    expect((await daemon.ended).code).toBe(1);
    expect(daemon.stderr()).toMatch(/CONFIG_INVALID[\s\S]*http\.listen/);
  },
);

import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { drain, quantbotBus } from '../support/daemon-process.js';
import { doctor } from '../support/doctor.js';
import { startServing } from '../support/http.js';
import { tokenFor } from '../support/http-producer.js';

const hasOpenssl = spawnSync('openssl', ['version'], { stdio: 'ignore' }).status === 0;

/** Writes a certificate of a name and its key into the folder of a bus, under a new name each. */
function certify({ folder }: TestBus, name: string, prefix: string): void {
  const [key, cert] = ['key', 'cert'].map(part => join(folder, `${prefix}${part}.pem`)) as [string, string];
  const names = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
  const pair = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert];
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...pair, ...names], { stdio: 'ignore' });
}

async function servingTls() {
  const bus = makeTestBus({ http: { tls: { cert: 'cert.pem', key: 'key.pem' } } });
  certify(bus, 'first', '');
  const daemon = await startServing(bus);
  return { bus, ...daemon, port: Number(new URL(daemon.url).port) };
}

/** Sends a request without a check of the certificate. */
async function status(port: number): Promise<number | undefined> {
  const sent = get({ host: '127.0.0.1', port, path: '/healthz', rejectUnauthorized: false, agent: false });
  const [answer] = await once(sent, 'response');
  answer.resume();
  return answer.statusCode;
}

async function nameAt(port: number): Promise<string | undefined> {
  const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

/** Opens connections, which end with the test. */
async function open<S extends Socket>(count: number, one: () => S, ready: string): Promise<S[]> {
  const sockets = Array.from({ length: count }, one);
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  for (const socket of sockets) socket.on('error', () => {});
  await Promise.all(sockets.map(socket => Promise.race([once(socket, ready), once(socket, 'close')])));
  return sockets;
}

describe.skipIf(!hasOpenssl)(`http.tls${hasOpenssl ? '' : ' (skipped: there is no openssl)'}`, () => {
  test('serves https alone, and uses a new certificate once both of its files are there', async () => {
    const { bus, url, port } = await servingTls();
    expect(url).toMatch(/^https:/);
    expect([await status(port), await nameAt(port)]).toEqual([200, 'first']);
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
    await expect(fetch(`${url}/healthz`)).rejects.toThrow(); // not signed by anyone known
    certify(bus, 'second', 'new-');
    renameSync(join(bus.folder, 'new-cert.pem'), join(bus.folder, 'cert.pem'));
    await new Promise(resolve => setTimeout(resolve, 2_500));
    expect(await nameAt(port)).toBe('first'); // its key is still that of the first
    renameSync(join(bus.folder, 'new-key.pem'), join(bus.folder, 'key.pem'));
    await vi.waitFor(async () => expect(await nameAt(port)).toBe('second'), 20_000);
  });

  test('connections without a handshake or a request make way for one that asks', async () => {
    const { port } = await servingTls();
    const listening = get({ host: '127.0.0.1', port, path: '/api/v1/events', rejectUnauthorized: false, agent: false });
    const [events] = await once(listening, 'response');
    const plain = await open(80, () => connect(port, '127.0.0.1'), 'connect');
    expect(await status(port)).toBe(200);
    const silent = () => connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
    const idle: TLSSocket[] = await open(80, silent, 'secureConnect');
    expect(await status(port)).toBe(200);
    await vi.waitFor(() => expect(plain.filter(({ closed }) => !closed)).toEqual([]), 20_000);
    expect(events.socket.destroyed).toBe(false); // its answer is not at its end
    expect(idle.filter(({ destroyed }) => !destroyed).length).toBeLessThanOrEqual(64);
  });

  test('files that do not fit together stop the start; a token off this machine is warned about', async () => {
    const bus = makeTestBus({ http: { listen: '127.0.0.1:0', tls: { cert: 'cert.pem', key: 'none.pem' } } });
    certify(bus, 'first', '');
    const { code, stderr } = await quantbotBus(bus, 'start');
    expect([code, stderr]).toEqual([1, expect.stringContaining('HTTP_TLS_INVALID')]);
    const open = makeTestBus({ http: { listen: '0.0.0.0:0' } });
    expect((await quantbotBus(open, 'token', 'create', 'a', '--read')).stdout).toContain('in the clear');
    const closed = makeTestBus({ http: { listen: '0.0.0.0:0', tls: { cert: 'cert.pem', key: 'key.pem' } } });
    expect((await quantbotBus(closed, 'token', 'create', 'a', '--read')).stdout).not.toContain('in the clear');
  });
});

test('doctor finds a server for other machines without TLS', async () => {
  const bus = makeTestBus({ http: { listen: '0.0.0.0:0' } });
  await tokenFor(bus, 'reader', '--read');
  await drain(bus);
  const { codes, the } = await doctor(bus);
  expect(codes).toEqual(['TOKENS_IN_THE_CLEAR', 'DAEMON_NOT_RUNNING']);
  expect(the('TOKENS_IN_THE_CLEAR').cure).toContain('http.tls');
  for (const http of [{ listen: '[::1]:7171' }, { listen: '0.0.0.0:7171', tls: { cert: 'cert', key: 'key' } }]) {
    writeFileSync(bus.configPath, JSON.stringify({ http }));
    expect((await doctor(bus)).codes).toEqual(['DAEMON_NOT_RUNNING']);
  }
});

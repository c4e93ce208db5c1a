import type { LoopHealth } from '@quantbot/bus-http';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openInProcess } from '../../test/support/in-process-bus.js';
import { oneMachine } from './one-machine.js';
import { superviseBySystemd, systemdEnvironment } from './systemd.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

async function supervised(watchdogMs?: number) {
  const { bus } = await openInProcess();
  const loop: { health: LoopHealth; oldestWaitingMs: number | undefined } = {
    oldestWaitingMs: undefined,
    health: { state: 'starting', sinceMs: 0, cause: undefined, alive: true, stuckForMs: 0 },
  };
  const told: string[][] = [];
  const end = superviseBySystemd(oneMachine(bus), loop, { watchdogMs }, async (...states) => {
    told.push(states);
  });
  const become = (state: LoopHealth['state'], message: string | null = null) => {
    loop.health = { ...loop.health, state };
    bus.events.emit('state', { state, code: null, message });
  };
  return { bus, loop, told, end, become };
}

test('systemd hears that the daemon is ready once, how it is, and that it ends', async () => {
  const { told, end, become } = await supervised();
  become('starting');
  become('running');
  become('paused', 'the disk\nis full');
  become('running');
  await end();
  become('paused', 'nobody listens any more');
  expect(told).toEqual([
    ['STATUS=starting'],
    ['READY=1', 'STATUS=running'],
    ['STATUS=paused: the disk is full'],
    ['STATUS=running'],
    ['STOPPING=1'],
  ]);
});

test('a daemon that pauses as soon as it has started is ready, too: it takes jobs, and goes on by itself', async () => {
  const { told, end, become } = await supervised();
  become('paused', 'full');
  await end();
  expect(told[0]).toEqual(['READY=1', 'STATUS=paused: full']);
});

test('the watchdog is fed twice in its time while the loop turns, and starves when it hangs', async () => {
  const { told, loop, end, become } = await supervised(10_000);
  become('running');
  await vi.advanceTimersByTimeAsync(20_000);
  loop.health = { ...loop.health, alive: false };
  await vi.advanceTimersByTimeAsync(60_000);
  await end();
  expect(told.filter(([state]) => state === 'WATCHDOG=1')).toHaveLength(4);
});

test('with the watchdog’s word goes how far the daemon has come, and whether jobs wait', async () => {
  const { bus, told, loop, end, become } = await supervised(10_000);
  become('running');
  await vi.advanceTimersByTimeAsync(5_000);
  loop.oldestWaitingMs = bus.now() - 7_400;
  await vi.advanceTimersByTimeAsync(5_000);
  loop.health = { ...loop.health, state: 'paused', cause: { code: 'ENOSPC', message: 'the disk\nis full' } };
  await vi.advanceTimersByTimeAsync(5_000);
  await end();
  expect(told.filter(([state]) => state === 'WATCHDOG=1').map(([, status]) => status)).toEqual([
    'STATUS=running; up to seq 0, nothing waits',
    'STATUS=running; up to seq 0, the oldest job waits for 7 s',
    'STATUS=paused: the disk is full; up to seq 0, the oldest job waits for 7 s',
  ]);
});

test('a long start asks for more time until it is over', async () => {
  const { told, end, become } = await supervised();
  await vi.advanceTimersByTimeAsync(60_000);
  become('running');
  await vi.advanceTimersByTimeAsync(60_000);
  await end();
  expect(told.filter(([state]) => state === 'EXTEND_TIMEOUT_USEC=60000000')).toHaveLength(3);
});

test.each([
  [{}, undefined],
  [{ NOTIFY_SOCKET: '' }, undefined],
  [{ NOTIFY_SOCKET: '/run/x' }, { watchdogMs: undefined }],
  [{ NOTIFY_SOCKET: '/run/x', WATCHDOG_USEC: '30000000' }, { watchdogMs: 30_000 }],
  [{ NOTIFY_SOCKET: '/run/x', WATCHDOG_USEC: '30000000', WATCHDOG_PID: '1' }, { watchdogMs: undefined }],
  [{ NOTIFY_SOCKET: '/run/x', WATCHDOG_USEC: '30000000', WATCHDOG_PID: 'own' }, { watchdogMs: 30_000 }],
  [{ NOTIFY_SOCKET: '/run/x', WATCHDOG_USEC: 'x' }, { watchdogMs: undefined }],
])('the environment %j is understood as systemd means it', (env, wanted) => {
  const own = 'WATCHDOG_PID' in env && env.WATCHDOG_PID === 'own' ? { WATCHDOG_PID: String(process.pid) } : {};
  expect(systemdEnvironment({ ...env, ...own })).toEqual(wanted);
});

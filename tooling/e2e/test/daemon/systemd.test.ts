import { spawnSync } from 'node:child_process';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild } from '@quantbot/tooling-testing/child';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { launchDaemon } from '../support/daemon-process.js';

const has = (command: string): boolean => spawnSync(command, ['--version']).status === 0;
const unit = fileURLToPath(new URL('../../../../docs/ops/quantbot-bus.service', import.meta.url));

/** Listens like systemd. With a number of seconds it also acts as the watchdog. */
async function listenAsSystemd(bus: TestBus, watchdogSeconds?: number) {
  const socket = join(bus.folder, 'notify.socket');
  const script = fileURLToPath(new URL('../support/notify-socket.py', import.meta.url));
  const watchdog = watchdogSeconds === undefined ? [] : [`${watchdogSeconds}`];
  const systemd = startChild('python3', [script, socket, ...watchdog], bus.folder);
  const told = () => systemd.stdout().split('\n').filter(Boolean);
  await eventually(told, lines => lines.includes('listening'));
  const end = () => {
    systemd.process.kill();
    return systemd.ended;
  };
  return { socket, told, end };
}

test.skipIf(!has('systemd-notify') || !has('python3'))(
  'systemd hears when the daemon is ready, that it is well, why it pauses, and that it ends',
  async () => {
    const bus = makeTestBus();
    const { socket, told, end } = await listenAsSystemd(bus);
    const daemon = launchDaemon(bus, { env: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '400000' } });
    await eventually(told, lines => lines.includes('READY=1') && lines.includes('STATUS=running'));
    await eventually(told, lines => lines.filter(line => line === 'WATCHDOG=1').length >= 3);
    renameSync(bus.layout.store, `${bus.layout.store}.away`);
    writeFileSync(bus.layout.store, 'in the way');
    await submit(bus);
    await eventually(told, lines => lines.some(line => line.startsWith('STATUS=paused: ')));
    rmSync(bus.layout.store);
    renameSync(`${bus.layout.store}.away`, bus.layout.store);
    await eventually(told, lines => lines.filter(line => line === 'STATUS=running').length === 2);
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    await eventually(told, lines => lines.filter(line => line !== 'BARRIER=1').at(-1) === 'STOPPING=1');
    expect(told().filter(line => line === 'READY=1')).toHaveLength(1);
    await end();
  },
);

sampled(
  'a daemon whose loop hangs in a system call starves the watchdog; killed and started again, it ingests the job',
  async ({ skip }) => {
    if (!has('systemd-notify') || !has('python3')) skip();
    const bus = makeTestBus();
    const { socket, told, end } = await listenAsSystemd(bus, 4);
    const supervised = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '1000000' };
    const hanging = launchDaemon(bus, { env: { ...supervised, QUANTBOT_FAULT_POINT: 'hang:store:before-link' } });
    await eventually(told, lines => lines.filter(line => line === 'WATCHDOG=1').length >= 3);
    expect(told()).not.toContain('starved');
    const submission = await submit(bus);
    await eventually(told, lines => lines.includes('starved'));
    hanging.kill('SIGABRT'); // as systemd does
    expect(await hanging.ended).toMatchObject({ signal: 'SIGABRT' });
    const daemon = launchDaemon(bus, { env: supervised });
    expect((await submission.settled({ timeoutMs: 120_000 })).status).toBe('ingested');
    await eventually(told, lines => lines.some(line => line.startsWith('STATUS=running; up to seq 1, nothing waits')));
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    await end();
  },
);

test.skipIf(!has('systemd-analyze'))('systemd finds nothing wrong with the unit', () => {
  const { stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
  // The program of the unit does not exist here. This may be the only complaint.
  const ours = `${stdout}${stderr}`.split('\n').filter(line => line.includes('quantbot-bus'));
  expect(ours.filter(line => !/Command .* is not executable/.test(line))).toEqual([]);
});

import { type ChildProcess, spawn } from 'node:child_process';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { afterEach, expect, test } from 'vitest';
import { daemonsOf } from './processes.js';

const daemons: ChildProcess[] = [];
afterEach(() => {
  for (const daemon of daemons.splice(0)) daemon.kill('SIGKILL');
});

/** A program with a daemon's name, which runs `start` and ends with its standard input. */
const named = (start = '') =>
  `process.title = 'bus_daemon start'; process.stdin.on('end', () => process.exit()).resume(); ${start}; console.log('there');`;

/** Starts a process with a daemon's name, and waits until this many are visible. */
async function startNamed(configPath: string, script = named(), count = 1): Promise<number> {
  const daemon = spawn(process.execPath, ['-e', script], { env: { ...process.env, QUANTBOT_BUS_CONFIG: configPath } });
  daemons.push(daemon);
  let said = '';
  for await (const text of daemon.stdout.iterator({ destroyOnReturn: false })) {
    said += text;
    if (said.split('there').length > count) break;
  }
  return daemon.pid as number;
}

test('a daemon is found by its bus, and a process that it has just started is no second one', async () => {
  const bus = makeTestBus();
  const start = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(named())}], { stdio: ['pipe', 'inherit', 'inherit'] })`;
  const daemon = await startNamed(bus.configPath, named(start), 2);
  await startNamed(makeTestBus().configPath);
  expect(daemonsOf(bus.config)).toEqual([daemon]);
});

test('two daemons of one bus are both found', async () => {
  const bus = makeTestBus();
  const pids = [await startNamed(bus.configPath), await startNamed(bus.configPath)];
  expect(daemonsOf(bus.config).sort()).toEqual(pids.sort());
});

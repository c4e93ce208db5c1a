import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChild } from '@quantbot/tooling-testing/child';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { processesIn } from '@quantbot/tooling-testing/temporary-folder';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, onTestFinished, test } from 'vitest';
import { asDaemon, cliPath, drain, spawnDaemon } from '../support/daemon-process.js';
import { query } from '../support/query.js';
import { daemonFolder } from '../support/scripts.js';

/** Returns the process that reads files for the daemon. */
const inspectorIn = (folder: string): number | undefined =>
  processesIn(folder).find(pid => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('bus_worker inspect'));

sampled(
  'a first signal lets the batch in hand be finished, a second one leaves at once; the job is done by the next daemon',
  async () => {
    const bus = makeTestBus();
    const daemon = await spawnDaemon(bus);
    await (await submit(bus, { schemaHint: 'canon.numbers' })).settled();
    const inspector = inspectorIn(bus.folder);
    if (inspector === undefined) return; // no /proc here
    process.kill(inspector, 'SIGSTOP'); // now the next batch cannot finish
    onTestFinished(() => continueProcess(inspector));
    await submit(bus, { schemaHint: 'canon.numbers' });
    await eventually(
      () => readdirSync(bus.layout.claimed),
      names => names.length === 1,
    );
    await sleep(100);
    daemon.kill('SIGTERM');
    await daemon.logged('stopping after the current batch');
    expect(await Promise.race([daemon.ended, sleep(500, 'still at it')])).toBe('still at it');
    daemon.kill('SIGTERM');
    expect(await Promise.race([daemon.ended, sleep(60_000, 'still at it')])).toEqual({ code: 130, signal: null });
    continueProcess(inspector);
    await drain(bus);
    expect(await query(bus, 'SELECT count(*) AS n FROM catalog.artifacts_f')).toEqual([{ n: 2 }]);
  },
);

test.for(['SIGINT', 'SIGTERM'] as const)(
  'started with pnpm, %s ends the daemon in order',
  { timeout: 120_000 },
  async (signal, context) => {
    if (!hasPnpm()) return context.skip('there is no pnpm here');
    const bus = makeTestBus();
    // Use a separate process group, as on a terminal: Ctrl-C reaches all of its processes, but a
    // supervisor's SIGTERM reaches only pnpm.
    const pnpm = startChild('setsid', ['pnpm', '--filter', 'bus-daemon', 'start'], daemonFolder, {
      QUANTBOT_BUS_CONFIG: bus.configPath,
    });
    const daemon = asDaemon(pnpm);
    await daemon.logged('bus daemon ready');
    await (await submit(bus)).settled();
    const { pid } = JSON.parse(readFileSync(`${bus.config.duckdbPath}.writer.lock`, 'utf8')) as { pid: number };
    onTestFinished(() => endProcess(pid));
    if (signal === 'SIGINT') process.kill(-pnpm.pid, signal);
    else pnpm.process.kill(signal);
    await daemon.logged('bus daemon stopped');
    await eventually(
      () => existsSync(`${bus.config.duckdbPath}.writer.lock`),
      there => !there,
    );
    await pnpm.ended;
    expect(readdirSync(bus.layout.claimed)).toEqual([]);
  },
);

test('a terminal that is closed ends the daemon in order', async () => {
  const bus = makeTestBus();
  const daemon = await spawnDaemon(bus);
  daemon.kill('SIGHUP');
  expect(await daemon.ended).toEqual({ code: 0, signal: null });
  await daemon.logged('bus daemon stopped');
  expect(existsSync(`${bus.config.duckdbPath}.writer.lock`)).toBe(false);
});

test.for([
  ['nohup', 'nohup "$0" "$1" start'],
  ['a script under nohup', 'trap "" HUP; "$0" "$1" start; true'],
])('started by %s it outlives its terminal', async ([, script]) => {
  if (!existsSync('/proc/self/status')) return; // without /proc, the signals that a parent ignores are unknown
  const bus = makeTestBus();
  const daemon = asDaemon(startChild('bash', ['-c', script as string, process.execPath, cliPath], bus.folder));
  await daemon.logged('bus daemon ready');
  const { pid } = JSON.parse(readFileSync(`${bus.config.duckdbPath}.writer.lock`, 'utf8')) as { pid: number };
  onTestFinished(() => endProcess(pid));
  process.kill(pid, 'SIGHUP');
  await (await submit(bus)).settled();
  process.kill(pid, 'SIGTERM');
  await daemon.logged('bus daemon stopped');
});

test('--config and the working folder lead to the same bus', async () => {
  const bus = makeTestBus();
  const child = asDaemon(
    startChild(process.execPath, [join(daemonFolder, 'dist/cli.js'), 'start', '--drain'], bus.folder),
  );
  expect(await child.ended).toEqual({ code: 0, signal: null });
  expect(existsSync(bus.layout.marker)).toBe(true);
});

function hasPnpm(): boolean {
  try {
    execFileSync('pnpm', ['--version'], { cwd: daemonFolder, stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}

function continueProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch {
    // it has ended
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended, as it should
  }
}

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { guardsOf, lockFileOf } from '@quantbot/bus-format/state';
import { startChild } from '@quantbot/tooling-testing/child';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, onTestFinished, test } from 'vitest';
import { drain, launchDaemon, quantbotBus, spawnDaemon } from '../support/daemon-process.js';
import { doctor } from '../support/doctor.js';
import { query } from '../support/query.js';
import { daemonFolder } from '../support/scripts.js';

test('a daemon whose data is removed or moved away ends, says so, and leaves the daemon that came after it alone', async () => {
  const bus = makeTestBus();
  const first = await spawnDaemon(bus);
  await (await submit(bus)).settled();
  first.kill('SIGSTOP');
  renameSync(join(bus.folder, 'data'), join(bus.folder, 'moved'));
  const second = await spawnDaemon(bus);
  await (await submit(bus)).settled();
  first.kill('SIGCONT');
  expect(await first.ended).toEqual({ code: 1, signal: null });
  // It may have been stopped between any two of its looks.
  expect(first.stderr()).toMatch(
    /^BUS_REMOVED: The (bus|journal) was removed under the daemon: .* is (not the file that the daemon holds|now another folder)/m,
  );
  expect(first.stderr()).toMatch(/^Try: /m);
  expect(JSON.parse(readFileSync(lockFileOf(bus.config.duckdbPath), 'utf8'))).toMatchObject({ pid: second.pid });
  expect((await doctor(bus)).codes).toEqual([]);
  expect((await (await submit(bus)).settled()).status).toBe('ingested');
  expect(await second.stop()).toEqual({ code: 0, signal: null });
});

test('while a daemon runs without its guards, doctor advises no start beside it', async () => {
  const bus = makeTestBus({ poll_interval_s: 3600 });
  const daemon = await spawnDaemon(bus);
  daemon.kill('SIGSTOP');
  for (const guard of guardsOf(bus.config)) rmSync(guard);
  const { codes, the } = await doctor(bus);
  expect(codes).toEqual(['GUARD_REMOVED', 'DAEMON_SUSPENDED']);
  expect(the('GUARD_REMOVED').cure).toMatch(new RegExp(`^\`kill ${daemon.pid}\`, wait until it has ended`));
  daemon.kill('SIGCONT');
  await submit(bus);
  expect(await daemon.ended).toEqual({ code: 1, signal: null });
  expect(daemon.stderr()).toContain('BUS_REMOVED');
  await drain(bus);
  expect(await query(bus, 'SELECT count(*) AS n FROM catalog.artifacts_f')).toEqual([{ n: 1 }]);
});

sampled('a daemon in another world of processes is not said to be dead', async context => {
  if (!canUnshare()) return context.skip('no PID namespaces here');
  const bus = makeTestBus({ lock_timeout_s: 0.3 });
  await spawnDaemon(bus);
  const beside = startChild(
    'unshare',
    ['--fork', '--pid', '--mount-proc', process.execPath, join(daemonFolder, 'dist/cli.js'), 'doctor', '--json'],
    bus.folder,
    { QUANTBOT_BUS_CONFIG: bus.configPath },
  );
  await beside.ended;
  const { findings } = JSON.parse(beside.stdout()) as { findings: { code: string; cure: string | null }[] };
  expect(findings.map(({ code }) => code).filter(code => code !== 'OK')).toEqual(['WRITER_HIDDEN']);
  expect(findings.some(({ cure }) => cure?.includes('quantbot-bus start'))).toBe(false);
});

sampled('where the file system has no hard links, start and doctor say so', async context => {
  if (!hasStrace()) return context.skip('no strace here');
  const bus = makeTestBus();
  const without = (...args: string[]) =>
    startChild(
      'strace',
      [
        ...['-f', '-qq', '-o', '/dev/null', '-e', 'trace=link,linkat', '-e', 'inject=link,linkat:error=EPERM'],
        ...[process.execPath, join(daemonFolder, 'dist/cli.js'), ...args],
      ],
      bus.folder,
      { QUANTBOT_BUS_CONFIG: bus.configPath },
    );
  const started = without('start');
  expect((await started.ended).code).toBe(1);
  expect(started.stderr()).toMatch(/^NO_HARD_LINKS: /m);
  expect(existsSync(bus.layout.marker)).toBe(false);
  const looked = without('doctor');
  await looked.ended;
  expect(looked.stdout()).toContain('NO_HARD_LINKS');
});

test('a guard with a damaged byte does not keep a daemon from starting, and doctor tells it from a held one', async () => {
  const bus = makeTestBus();
  await drain(bus);
  const [guard] = guardsOf(bus.config);
  execFileSync('dd', ['if=/dev/urandom', `of=${guard}`, 'bs=1', 'seek=4200', 'count=64', 'conv=notrunc'], {
    stdio: 'ignore',
  });
  expect((await doctor(bus)).codes).toEqual(['GUARD_DAMAGED', 'DAEMON_NOT_RUNNING']);
  const daemon = launchDaemon(bus);
  onTestFinished(() => daemon.kill('SIGKILL'));
  await daemon.logged('bus daemon ready');
  expect((await quantbotBus(bus, 'doctor')).stdout).toContain('all is well');
});

const canUnshare = () => works('unshare', ['--fork', '--pid', '--mount-proc', 'true']);
const hasStrace = () => works('strace', ['-o', '/dev/null', '-e', 'inject=link:error=EPERM', 'true']);

function works(command: string, args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

import { readFileSync } from 'node:fs';
import { startChild } from '@quantbot/tooling-testing/child';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { writeToInbox } from '@quantbot/tooling-testing/raw-job';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { cliPath, drain } from '../support/daemon-process.js';
import { hasTerminal, startOnTerminal } from '../support/terminal.js';

const eraseLines = '\u001B[2K';

/** Returns the number of reads of a process so far. */
const readsOf = (pid: number): number => Number(/syscr: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);

test('status --watch without a terminal tells each change, one JSON line each, until it is interrupted', async () => {
  const bus = makeTestBus();
  await drain(bus);
  const args = ['status', '--watch', '0.1', '--json', '--config', bus.configPath];
  const watch = startChild(process.execPath, [cliPath, ...args], bus.folder);
  const lines = () => watch.stdout().split('\n').filter(Boolean);
  const waiting = () => lines().map(line => (JSON.parse(line) as { queue: { waiting: number } }).queue.waiting);
  await eventually(waiting, seen => seen.length >= 1);
  // Wait until it has looked twice more and found no change.
  for (let looked = 0; looked < 5; looked++) {
    const before = readsOf(watch.pid);
    await eventually(
      () => readsOf(watch.pid),
      reads => reads > before,
    );
  }
  writeToInbox(bus, { jobId: 'one' });
  await eventually(waiting, seen => seen.at(-1) === 1);
  expect(waiting()).toEqual([0, 1]);
  watch.process.kill('SIGINT');
  expect(await watch.ended).toEqual({ code: 0, signal: null });
  expect(watch.stderr()).toBe('');
});

test.skipIf(!hasTerminal())('on a terminal it is drawn again in its place', async () => {
  const bus = makeTestBus();
  await drain(bus);
  const watch = startOnTerminal(bus, ['status', '--watch', '0.1']);
  await eventually(watch.stdout, text => text.includes('0 waiting'));
  writeToInbox(bus, { jobId: 'one' });
  await eventually(watch.stdout, text => text.includes('1 waiting'));
  const [before = ''] = watch.stdout().split('1 waiting');
  expect(before.slice(before.indexOf('0 waiting'))).toContain(eraseLines);
  watch.process.stdin?.write('\u0003');
  expect(await watch.ended).toMatchObject({ code: 0 });
});

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { processesIn } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { openInProcess } from '../../test/support/in-process-bus.js';
import { openNotifier } from './notifier.js';
import { oneMachine } from './one-machine.js';

const hanging = {
  name: 'hangs',
  command: ['sh', '-c', 'echo $$ > child.pid; exec sleep 1000'],
  timeout_s: 3600,
  group_wait_s: 0,
};

test.for([{ when: 'before' }, { when: 'meanwhile' }])(
  'hooks that have time to be told everything are let go soon after the daemon was asked to end: $when',
  async ({ when }) => {
    const unhurried = await closing();
    const hurried = await closing(when);
    await hurried.closed;
    expect(unhurried.isClosed()).toBe(false); // it started first
    unhurried.stop.abort();
    await unhurried.closed;
    for (const { folder } of [hurried, unhurried])
      await eventually(
        () => processesIn(folder),
        pids => pids.length === 0,
      );
  },
);

/** Closes a notifier while its only hook hangs. */
async function closing(stopped?: string) {
  const { bus, test } = await openInProcess({ notify: [hanging] });
  const stop = new AbortController();
  const notifier = await openNotifier(oneMachine(bus), { drains: true, stopRequested: stop.signal }, {});
  bus.events.emit('stopped', { code: 'X', message: 'x', hint: 'x' });
  await eventually(
    () => existsSync(join(test.folder, 'child.pid')),
    there => there,
  );
  if (stopped === 'before') stop.abort();
  let isClosed = false;
  const closed = notifier.close().then(() => {
    isClosed = true;
  });
  if (stopped === 'meanwhile') stop.abort();
  return { folder: test.folder, stop, closed, isClosed: () => isClosed };
}

// @module-tag campaign
import { join } from 'node:path';
import { submit } from '@quantbot/tooling-testing/submit';
import { expect, test } from 'vitest';
import { drain, quantbotBus } from '../support/daemon-process.js';
import { busOnSmallDisk, fillDisk } from '../support/small-disk.js';

test('on a disk without one free byte each command says so, a drain does not end well, and nothing is hurt', async context => {
  const bus = busOnSmallDisk();
  if (bus === undefined) return context.skip();
  await drain(bus);
  await submit(bus, { runId: 'r', artifactId: 'a', schemaHint: 'canon.t' });
  await drain(bus);
  const makeRoom = fillDisk(bus, 0);
  const full = /ENOSPC.*Try: .*(Free some space|Fix the cause)/s;
  for (const command of [['gc', '--apply'], ['scrub'], ['rebuild'], ['backup', join(bus.folder, 'backup')]])
    expect(await quantbotBus(bus, ...command), command[0]).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(full),
    });
  for (const command of [['verify'], ['status'], ['query', 'FROM canon.t']])
    expect(await quantbotBus(bus, ...command), command[0]).toMatchObject({ code: 0, stderr: '' });
  expect(await quantbotBus(bus, 'start', '--drain')).toMatchObject({ code: 2 }); // the database is not published
  makeRoom();
  await drain(bus);
  for (const command of [['gc', '--apply'], ['scrub'], ['rebuild'], ['verify', '--deep']])
    expect(await quantbotBus(bus, ...command), command[0]).toMatchObject({ code: 0, stderr: '' });
});

import { submitOperation } from '@quantbot/infra/bus';
import type { TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';
import { drain, launchDaemon } from './daemon-process.js';

/** The steps of an operation after which the files of its table are rebuilt. */
export const rebuildPoints = [
  'commit:before-rename',
  'commit:after-rename',
  'compact:switched',
  'compact:after-rename',
  'forget:table-rebuilt',
];

/** Kills the daemon that executes an operation at a fault point. The next daemon settles it. */
export async function operateKilledAt(
  bus: TestBus,
  op: Parameters<typeof submitOperation>[0],
  point: string,
): Promise<void> {
  const submission = await submitOperation(op, { busRoot: bus.config.busRoot });
  const daemon = launchDaemon(bus, { args: ['--drain'], env: { QUANTBOT_FAULT_POINT: point } });
  expect(await daemon.ended, `${op.type} ${point}`).toMatchObject({ signal: 'SIGKILL' });
  await drain(bus);
  await submission.settled();
}

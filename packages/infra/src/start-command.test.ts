import { expect, test } from 'vitest';
import { BusError, busError } from './errors.js';
import { startCommand, startCommandOf } from './start-command.js';

test('hints name the command of npm where the package was installed, and that of the checkout here', () => {
  expect(startCommandOf('file:///lab/node_modules/@quantbot/infra/dist/index.js')).toBe('npx quantbot-bus start');
  expect(startCommand).toBe('pnpm --filter bus-daemon start');
  const error = busError('BUS_ROOT_NOT_FOUND', 'There is none.');
  expect(error).toBeInstanceOf(BusError);
  expect(error.hint).toContain(startCommand);
});

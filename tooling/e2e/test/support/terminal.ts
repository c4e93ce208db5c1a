import { spawnSync } from 'node:child_process';
import { type Child, startChild } from '@quantbot/tooling-testing/child';
import type { TestBus } from '@quantbot/tooling-testing/test-bus';
import { cliPath } from './daemon-process.js';

/** Whether this machine can give a test a terminal, by `script` of util-linux. */
export const hasTerminal = (): boolean =>
  /util-linux/.test(spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '');

/**
 * Starts a command of `quantbot-bus` on its own terminal of 100 columns. Everything that it prints
 * arrives on standard output.
 */
export function startOnTerminal(bus: TestBus, args: readonly string[], env: NodeJS.ProcessEnv = {}): Child {
  const quoted = [process.execPath, cliPath, ...args, '--config', bus.configPath].map(word => `'${word}'`).join(' ');
  const command = `stty cols 100 rows 40; exec ${quoted}`;
  return startChild('script', ['-qec', command, '/dev/null'], bus.folder, { TERM: 'xterm-256color', ...env });
}

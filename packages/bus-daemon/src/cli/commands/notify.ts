import { type HookTest, testHooks } from '@quantbot/bus-care/notify';
import type { Command } from 'commander';
import { type CommonOptions, configOf, print } from '../shared.js';

export async function notifyTestCommand(names: string[], options: CommonOptions, command: Command): Promise<void> {
  const config = configOf(options);
  const known = config.notify.map(({ name }) => name);
  const unknown = names.filter(name => !known.includes(name));
  if (unknown.length > 0)
    command.error(`error: notify has no hook ${unknown.join(', ')}; it has ${known.join(', ') || 'none'}`);
  const hooks = config.notify.filter(({ name }) => names.length === 0 || names.includes(name));
  const tests = await testHooks(config, hooks, process.env);
  print(options, tests, () => (tests.length === 0 ? 'no hooks' : tests.map(describe).join('\n')));
  if (tests.some(({ ok }) => !ok)) process.exitCode = 2;
}

function describe({ name, type, ok, error, output }: HookTest): string {
  if (ok) return `ok      ${name} (${type})`;
  const answer = output ? [`  Its answer: ${output.trim().replaceAll('\n', '\n  ')}`] : [];
  return [`FAILED  ${name} (${type}): ${error}`, ...answer].join('\n');
}

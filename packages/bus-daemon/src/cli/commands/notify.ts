import type { Command } from 'commander';
import { type HookTest, testHooks } from '../../notify/test-hooks.js';
import { BusCommand } from '../bus-command.js';
import { busCommand, type CommonOptions, configOf, print } from '../shared.js';

/** `quantbot-bus notify test`: whether the hooks of the configuration can be told. */
export const notifyCommand = (): BusCommand =>
  new BusCommand('notify')
    .description('Try the hooks that are told of rejections and failed exports.')
    .addCommand(testCommand()) as BusCommand;

const testCommand = (): BusCommand =>
  busCommand('test', 'Tell hooks of the configuration (notify) a test, each once, whatever they are on.')
    .argument('[hook...]', 'names of hooks; all when there is none')
    .explain({
      notes: 'It uses the environment that it is run in; the daemon has its own.',
      exitCodes: { 0: 'all of them were told', 2: 'one of them was not' },
      examples: ['quantbot-bus notify test', 'quantbot-bus notify test on-call', 'quantbot-bus notify test --json'],
    })
    .action(async (names: string[], options: CommonOptions, command: Command) => {
      const config = configOf(options);
      const known = config.notify.map(({ name }) => name);
      const unknown = names.filter(name => !known.includes(name));
      if (unknown.length > 0)
        command.error(
          `error: there is no hook ${unknown.join(', ')} in notify; there are ${known.join(', ') || 'none'}`,
        );
      const hooks = config.notify.filter(({ name }) => names.length === 0 || names.includes(name));
      const tests = await testHooks(config, hooks, process.env);
      print(options, tests, () => (tests.length === 0 ? 'there is no hook' : tests.map(describe).join('\n')));
      if (tests.some(({ ok }) => !ok)) process.exitCode = 2;
    });

function describe({ name, type, ok, error, output }: HookTest): string {
  if (ok) return `ok      ${name} (${type})`;
  const answer = output ? [`  It said: ${output.trim().replaceAll('\n', '\n  ')}`] : [];
  return [`FAILED  ${name} (${type}): ${error}`, ...answer].join('\n');
}

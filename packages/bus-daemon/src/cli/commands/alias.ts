import { openCatalog } from '@quantbot/storage';
import type { Command } from 'commander';
import { BusCommand } from '../bus-command.js';
import { operate } from '../operate.js';
import { busCommand, type CommonOptions, configOf, print } from '../shared.js';

const timeoutMs = 60_000;

/**
 * `quantbot-bus alias set|remove|list`: names for artifacts, kept in the journal with their
 * history.
 */
export const aliasCommand = (): BusCommand =>
  new BusCommand('alias')
    .description('Give artifacts names that can be moved, such as prod.')
    .addCommand(setCommand())
    .addCommand(removeCommand())
    .addCommand(listCommand()) as BusCommand;

const setCommand = (): BusCommand =>
  busCommand('set', 'Let an alias stand for an artifact from now on.')
    .argument('<alias>', 'producer/kind@alias')
    .argument('<key>', 'run_id/producer/kind/artifact_id')
    .explain({ examples: ['quantbot-bus alias set baseline/alerts_std@prod run-7/baseline/alerts_std/alerts'] })
    .action(async (alias: string, key: string, options: CommonOptions, command: Command) => {
      const { seq } = await operate(
        configOf(options),
        { type: 'alias', ...parseAlias(alias, command), artifact_key: key },
        timeoutMs,
      );
      print(options, { alias, key, seq }, () => `${alias} is ${key} from seq ${seq} on`);
    });

const removeCommand = (): BusCommand =>
  busCommand('remove', 'Remove an alias; its history stays.')
    .argument('<alias>', 'producer/kind@alias')
    .explain({ examples: ['quantbot-bus alias remove baseline/alerts_std@prod'] })
    .action(async (alias: string, options: CommonOptions, command: Command) => {
      const op = { type: 'alias' as const, ...parseAlias(alias, command), artifact_key: null };
      const { seq } = await operate(configOf(options), op, timeoutMs);
      print(options, { alias, key: null, seq }, () => `${alias} is nothing from seq ${seq} on`);
    });

const listCommand = (): BusCommand =>
  busCommand('list', 'List the aliases there are.')
    .explain({ examples: ['quantbot-bus alias list', 'quantbot-bus alias list --json'] })
    .action(async (options: CommonOptions) => {
      await using catalog = await openCatalog({ duckdbPath: configOf(options).duckdbPath });
      const aliases = await catalog.aliases();
      print(options, aliases, () =>
        aliases.length === 0
          ? 'there is no alias'
          : aliases
              .map(({ producer, kind, alias, key, seq }) => `${producer}/${kind}@${alias}  ${key}  (seq ${seq})`)
              .join('\n'),
      );
    });

function parseAlias(text: string, command: Command): { producer: string; kind: string; alias: string } {
  const match = /^([^/@]+)\/([^/@]+)@([^/@]+)$/.exec(text);
  if (match === null) return command.error(`error: ${text} is no alias; write producer/kind@alias`);
  const [, producer, kind, alias] = match as unknown as [string, string, string, string];
  return { producer, kind, alias };
}

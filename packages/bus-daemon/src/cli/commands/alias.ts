import { openCatalog } from '@quantbot/storage';
import type { Command } from 'commander';
import { operate } from '../operate.js';
import { type CommonOptions, configOf, print } from '../shared.js';

const timeoutMs = 60_000;

/** `quantbot-bus alias set ALIAS KEY`: points an alias to an artifact. */
export async function aliasSetCommand(
  alias: string,
  key: string,
  options: CommonOptions,
  command: Command,
): Promise<void> {
  const { seq } = await operate(
    configOf(options),
    { type: 'alias', ...parseAlias(alias, command), artifact_key: key },
    timeoutMs,
  );
  print(options, { alias, key, seq }, () => `${alias} is ${key} as of seq ${seq}`);
}

/** `quantbot-bus alias remove ALIAS`: removes an alias. Its history stays. */
export async function aliasRemoveCommand(alias: string, options: CommonOptions, command: Command): Promise<void> {
  const op = { type: 'alias' as const, ...parseAlias(alias, command), artifact_key: null };
  const { seq } = await operate(configOf(options), op, timeoutMs);
  print(options, { alias, key: null, seq }, () => `${alias} is removed as of seq ${seq}`);
}

/** `quantbot-bus alias list`: lists the current aliases. */
export async function aliasListCommand(options: CommonOptions): Promise<void> {
  await using catalog = await openCatalog({ config: options.config });
  const aliases = await catalog.aliases();
  print(options, aliases, () =>
    aliases.length === 0
      ? 'no aliases'
      : aliases
          .map(({ producer, kind, alias, key, seq }) => `${producer}/${kind}@${alias}  ${key}  (seq ${seq})`)
          .join('\n'),
  );
}

function parseAlias(text: string, command: Command): { producer: string; kind: string; alias: string } {
  const match = /^([^/@]+)\/([^/@]+)@([^/@]+)$/.exec(text);
  if (match === null) return command.error(`error: ${text} is not an alias; write producer/kind@alias`);
  const [, producer, kind, alias] = match as unknown as [string, string, string, string];
  return { producer, kind, alias };
}

import { sizeInWords } from '@quantbot/bus-format';
import type { Command } from 'commander';
import { withClusterPackage } from '../../cluster-package.js';
import { collectGarbageOf } from '../../onlookers/background/upkeep.js';
import { parseDuration } from '../arguments.js';
import { type CommonOptions, configOf, configOfBus, print } from '../shared.js';

/** `quantbot-bus gc`: removes old jobs and orphaned files. Without `--apply`, only lists them. */
export async function gcCommand(
  options: CommonOptions & { apply?: boolean; keep?: string; keepUnfinished?: string },
  command: Command,
): Promise<void> {
  const { gc } = configOf(options);
  const keepSettledMs = options.keep === undefined ? gc.keepMs : parseDuration(options.keep);
  const keepRejectedMs = options.keep === undefined ? (gc.keepRejectedMs ?? gc.keepMs) : keepSettledMs;
  const keepUnfinishedMs =
    options.keepUnfinished === undefined ? gc.keepUnfinishedMs : parseDuration(options.keepUnfinished);
  if (keepSettledMs === undefined || keepRejectedMs === undefined || keepUnfinishedMs === undefined)
    return command.error('error: a duration is a number and one of s, m, h, d, such as 30d');
  const gcOptions = { keepSettledMs, keepRejectedMs, keepUnfinishedMs, apply: options.apply ?? false };
  const config = await configOfBus(options);
  const items = await withClusterPackage(() => collectGarbageOf(config, gcOptions));
  const verb = options.apply ? 'removed' : 'would remove';
  const bytes = items.reduce((sum, item) => sum + item.bytes, 0);
  print(options, { applied: options.apply ?? false, items }, () =>
    [
      ...items.map(item => `${verb} ${item.kind.padEnd(9)} ${item.path}`),
      `${verb} ${items.length} in all${bytes === 0 ? '' : `, ${sizeInWords(bytes)}`}`,
    ].join('\n'),
  );
}

import { type ArtifactRecord, openCatalog } from '@quantbot/storage';
import { InvalidArgumentError } from 'commander';
import type { BusCommand } from '../bus-command.js';
import { untilInterrupted } from '../interrupt.js';
import { busCommand, type CommonOptions, configOf, forTerminal, jsonText } from '../shared.js';

interface TailOptions extends CommonOptions {
  since?: number;
  producer?: string;
  kind?: string;
}

/** `quantbot-bus tail`: a line for each artifact as it is committed, until it is interrupted. */
export const tailCommand = (): BusCommand =>
  busCommand('tail', 'Print each artifact as it is committed, until interrupted.')
    .option('--since <seq>', 'begin behind this job; 0 is the first', parseSeq)
    .option('--producer <producer>', 'only of this producer')
    .option('--kind <kind>', 'only of this kind')
    .explain({
      exitCodes: { 0: 'interrupted' },
      examples: ['quantbot-bus tail --kind fills', 'quantbot-bus tail --json --since 0'],
    })
    .action(async (options: TailOptions) => {
      const end = untilInterrupted();
      const { since, producer, kind, json } = options;
      await using catalog = await openCatalog({ duckdbPath: configOf(options).duckdbPath });
      for await (const artifact of catalog.watch({ since, producer, kind, signal: end }))
        console.log(json ? jsonText(artifact) : forTerminal(describe(artifact)));
    });

const describe = ({ seq, committedAt, key, rows, bytes }: ArtifactRecord): string =>
  `${seq}  ${committedAt.toISOString()}  ${key}  ${rows} rows, ${bytes} bytes`;

function parseSeq(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is no seq.');
  return Number(text);
}

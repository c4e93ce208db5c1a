import { type ArtifactRecord, openCatalog } from '@quantbot/storage';
import { type Command, InvalidArgumentError } from 'commander';
import { busCommand, type CommonOptions, configOf } from '../shared.js';

interface TailOptions extends CommonOptions {
  since?: number;
  producer?: string;
  kind?: string;
}

/** `quantbot-bus tail`: a line for each artifact as it is committed, until it is interrupted. */
export const tailCommand = (): Command =>
  busCommand('tail', 'Print each artifact as it is committed, until interrupted.')
    .option('--since <seq>', 'begin behind this job; 0 is the first', parseSeq)
    .option('--producer <producer>', 'only of this producer')
    .option('--kind <kind>', 'only of this kind')
    .addHelpText('after', '\nExamples:\n  $ quantbot-bus tail --kind fills\n  $ quantbot-bus tail --json --since 0')
    .action(async (options: TailOptions) => {
      const end = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end.abort());
      const { since, producer, kind, json } = options;
      await using catalog = await openCatalog({ duckdbPath: configOf(options).duckdbPath });
      for await (const artifact of catalog.watch({ since, producer, kind, signal: end.signal }))
        console.log(json ? JSON.stringify(artifact) : describe(artifact));
    });

const describe = ({ seq, committedAt, key, rows, bytes }: ArtifactRecord): string =>
  `${seq}  ${committedAt.toISOString()}  ${key}  ${rows} rows, ${bytes} bytes`;

function parseSeq(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is no seq.');
  return Number(text);
}

import { type ArtifactRecord, openCatalog } from '@quantbot/storage';
import { untilInterrupted } from '../interrupt.js';
import { type CommonOptions, forTerminal, jsonText } from '../shared.js';

interface TailOptions extends CommonOptions {
  since?: number;
  producer?: string;
  kind?: string;
}

/** `quantbot-bus tail`: prints a line for each artifact as it is committed, until interrupted. */
export async function tailCommand(options: TailOptions): Promise<void> {
  const end = untilInterrupted();
  const { since, producer, kind, json } = options;
  await using catalog = await openCatalog({ config: options.config });
  for await (const artifact of catalog.watch({ since, producer, kind, signal: end }))
    console.log(json ? jsonText(artifact) : forTerminal(describe(artifact)));
}

const describe = ({ seq, committedAt, key, rows, bytes }: ArtifactRecord): string =>
  `${seq}  ${committedAt.toISOString()}  ${key}  ${rows} rows, ${bytes} bytes`;

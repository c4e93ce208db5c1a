import { type ArtifactRecord, type Catalog, openCatalog } from '@quantbot/storage';
import { untilInterrupted } from '../interrupt.js';
import { type CommonOptions, forTerminal, jsonText } from '../shared.js';

interface TailOptions extends CommonOptions {
  since?: number | Date;
  producer?: string;
  kind?: string;
}

/** `quantbot-bus tail`: prints a line for each artifact as it is committed, until interrupted. */
export async function tailCommand(options: TailOptions): Promise<void> {
  const end = untilInterrupted();
  const { producer, kind, json } = options;
  await using catalog = await openCatalog({ config: options.config });
  const since = options.since instanceof Date ? await lastSeqBefore(catalog, options.since) : options.since;
  for await (const artifact of catalog.watch({ since, producer, kind, signal: end }))
    console.log(json ? jsonText(artifact) : forTerminal(describe(artifact)));
}

/** Returns the seq of the last job committed before a time, or 0. */
async function lastSeqBefore(catalog: Catalog, time: Date): Promise<number> {
  const [row] = await catalog.query('SELECT max(seq) AS seq FROM catalog.jobs_f WHERE committed_at < ?', [time]);
  return Number(row?.seq ?? 0);
}

const describe = ({ seq, committedAt, key, rows, bytes }: ArtifactRecord): string =>
  `${seq}  ${committedAt.toISOString()}  ${key}  ${rows} rows, ${bytes} bytes`;

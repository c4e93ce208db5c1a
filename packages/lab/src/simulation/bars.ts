import { type Catalog, readParquet } from '@quantbot/storage';
import { labError } from '../errors.js';
import type { Bar } from './records.js';

/**
 * Reads bars from a slice (or any candle file) by token. A slice has a bar once per call that it belongs to; a token's bar counts once.
 *
 * @throws StorageError as `readParquet` throws it.
 */
export async function readBars(source: string | readonly string[]): Promise<Map<string, Bar[]>> {
  const rows = await readParquet(source, {
    columns: ['token_address', 'timestamp', 'open', 'high', 'low', 'close'],
    orderBy: ['token_address', 'timestamp'],
  });
  const bars = new Map<string, Bar[]>();
  for (const { token_address, ...bar } of rows as unknown as ({ token_address: string } & Bar)[]) {
    const ofToken = bars.get(token_address) ?? [];
    if (ofToken.at(-1)?.timestamp.getTime() !== bar.timestamp.getTime()) ofToken.push(bar);
    bars.set(token_address, ofToken);
  }
  return bars;
}

/** The bars of a slice that the bus has, and the artifact that they come from. */
export interface CatalogBars {
  bars: Map<string, Bar[]>;
  /** Key of the slice, for `inputs`. */
  key: string;
}

/**
 * Reads the bars of the newest slice of a run.
 *
 * @throws LabError `INPUT_MISSING`; StorageError as `readParquet` throws it.
 *
 * @example
 * const slice = await readBarsFromCatalog(catalog, { runId: 'run-1' });
 * await writer.write({ runId, presetName, result: simulate(preset, slice.bars), outputDir, inputs: [slice.key] });
 */
export async function readBarsFromCatalog(
  catalog: Pick<Catalog, 'artifacts'>,
  { runId, producer = 'backtest', kind = 'slice' }: { runId: string; producer?: string; kind?: string },
): Promise<CatalogBars> {
  const [slice] = await catalog.artifacts({ runId, producer, kind, limit: 1 });
  if (slice === undefined)
    throw labError('INPUT_MISSING', `The catalog has no ${producer}/${kind} of the run ${runId}.`);
  return { bars: await readBars(slice.path), key: slice.key };
}

import { type Catalog, readParquet } from '@quantbot/storage';
import { labError } from '../errors.js';
import { hasColumn } from '../has-column.js';
import type { Bar } from './records.js';

/**
 * Reads bars from a slice (or any candle file) by token. A slice has a bar once per call that it
 * belongs to; a token's bar counts once.
 *
 * @throws LabError `BARS_INVALID` for a token that is on two chains, which would look like one;
 * StorageError as `readParquet` throws it.
 */
export async function readBars(source: string | readonly string[]): Promise<Map<string, Bar[]>> {
  const chainIfThere = (await hasColumn(source, 'chain')) ? ['chain'] : [];
  const rows = await readParquet<{ token_address: string; chain?: string } & Bar>(source, {
    columns: ['token_address', ...chainIfThere, 'timestamp', 'open', 'high', 'low', 'close'],
    orderBy: ['token_address', 'timestamp'],
  });
  const bars = new Map<string, Bar[]>();
  const chains = new Map<string, string | undefined>();
  for (const { token_address, chain, ...bar } of rows) {
    if (!chains.has(token_address)) chains.set(token_address, chain);
    else if (chains.get(token_address) !== chain)
      throw labError(
        'BARS_INVALID',
        `The token ${token_address} is on two chains, ${chains.get(token_address)} and ${chain}.`,
      );
    const ofToken = bars.get(token_address) ?? [];
    if (ofToken.at(-1)?.timestamp.getTime() !== bar.timestamp.getTime()) ofToken.push(bar);
    bars.set(token_address, ofToken);
  }
  return bars;
}

/** The bars of a slice on the bus, with the key of the slice. */
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
 * const result = simulate(preset, slice.bars);
 * await writer.write({ runId, presetName, result, outputDir, inputs: [slice.key] });
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

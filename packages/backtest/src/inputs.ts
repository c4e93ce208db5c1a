import { type ArtifactRecord, type Catalog, type LatestFilter, readParquet } from '@quantbot/storage';
import { backtestError } from './errors.js';
import type { Call } from './plan.js';

/** A file that a producer reads, with the key for its lineage. */
export interface CatalogInput {
  /** Absolute path of the stored file. */
  path: string;
  /** Key of the artifact, for `inputs`. */
  key: string;
}

/**
 * Returns the newest artifact of a dataset, or the one that an alias names, as an input.
 *
 * @throws BacktestError `INPUT_MISSING`.
 *
 * @example
 * const candles = await inputFromCatalog(catalog, { producer: 'market', kind: 'candles' });
 * await runBaseline({ runId, candles: candles.path, inputs: [candles.key], outputDir });
 */
export async function inputFromCatalog(catalog: Pick<Catalog, 'latest'>, filter: LatestFilter): Promise<CatalogInput> {
  const found: ArtifactRecord | undefined = await catalog.latest(filter);
  if (found !== undefined) return { path: found.path, key: found.key };
  const name = [filter.producer, filter.kind, filter.artifactId].filter(part => part !== undefined).join('/');
  throw backtestError('INPUT_MISSING', `The catalog has no ${name}${filter.alias ? `@${filter.alias}` : ''}.`);
}

/** Calls and the artifact that they come from. */
export interface CatalogCalls {
  calls: Call[];
  /** Key of the artifact, for `inputs`. */
  key: string;
}

/**
 * Returns the calls of a slice plan from alerts on the bus: the newest baseline alerts, unless
 * another dataset is named. Alerts need the columns `alert_id, token_address, chain, ts`.
 *
 * @throws BacktestError `INPUT_MISSING`.
 */
export async function callsFromCatalog(
  catalog: Pick<Catalog, 'latest'>,
  filter: LatestFilter = { producer: 'baseline', kind: 'alerts_std' },
): Promise<CatalogCalls> {
  const { path, key } = await inputFromCatalog(catalog, filter);
  const alerts = await readParquet(path, { columns: ['alert_id', 'token_address', 'chain', 'ts'], orderBy: 'ts' });
  const calls = alerts.map(alert => ({
    callId: alert.alert_id as string,
    tokenAddress: alert.token_address as string,
    chain: alert.chain as string,
    calledAt: alert.ts as Date,
  }));
  return { calls, key };
}

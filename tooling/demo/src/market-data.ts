import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Candle, candleSchema } from '@quantbot/backtest';
import { submitArtifact } from '@quantbot/infra/utils';
import { writeParquet } from '@quantbot/storage';
import { csvParse } from 'd3-dsv';

/** The demo's one token. */
export const token = { token_address: 'SPX', chain: 'nyse' };

/** Returns the S&P 500's daily candles, 2000 to 2020, from `vega-datasets`. */
export function readSp500(): Candle[] {
  // The package exports only its code; the data files are beside it.
  const folder = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '..');
  return csvParse(readFileSync(join(folder, 'data/sp500-2000.csv'), 'utf8')).map(row => ({
    ...token,
    timestamp: new Date(`${row.date}T00:00:00Z`),
    open: Number(row.open),
    high: Number(row.high),
    low: Number(row.low),
    close: Number(row.close),
    volume: Number(row.volume),
  }));
}

/** Writes the candles as Parquet and submits them. All other artifacts derive from this one. */
export async function publishCandles(folder: string, busRoot: string, runId: string) {
  const path = join(folder, 'candles.parquet');
  const { rows } = await writeParquet(path, readSp500() as unknown as Record<string, unknown>[], candleSchema);
  const submission = await submitArtifact({
    runId,
    producer: 'market-data',
    kind: 'candles',
    artifactId: 'sp500',
    parquetPath: path,
    schemaHint: 'canon.candles',
    rows,
    busRoot,
    meta: { interval: '1d', source: 'vega-datasets sp500-2000.csv' },
  });
  return { path, rows, submission };
}

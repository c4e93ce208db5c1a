import { scanParquet } from '@quantbot/storage';
import { labError } from '../errors.js';
import { hasColumn } from '../has-column.js';
import {
  drawdownFromPeak,
  exponentialMovingAverage,
  historicalVolatility,
  type Indicator,
  logReturn,
  simpleMovingAverage,
  simpleReturn,
} from '../indicators.js';
import type { FeatureSettings } from './settings.js';

/**
 * One row of `features.parquet`: the candle that it belongs to, and a number or null per feature.
 */
export interface FeatureRow {
  /** The slice's call; null for candles that belong to none. */
  call_id: string | null;
  token_address: string;
  chain: string;
  /** When the candle begins, UTC. */
  timestamp: Date;
  close: number | null;
  return_simple: number | null;
  return_log: number | null;
  drawdown: number | null;
  /** `volatility_<bars>`, `sma_<bars>`, `ema_<bars>`. */
  [feature: `${'volatility' | 'sma' | 'ema'}_${number}`]: number | null;
}

/** The columns that are read of a candle. */
type Close = Pick<FeatureRow, 'call_id' | 'token_address' | 'chain' | 'timestamp' | 'close'>;

const columns = ['token_address', 'chain', 'timestamp', 'close'];

/**
 * The features of a slice or of candles, a row per candle, by series and time. A series is the
 * window of one call, or without calls a token: two calls of one token have windows with a gap
 * between them, which no feature may bridge.
 *
 * The candles are read in batches. Only one batch is in memory at a time.
 *
 * @throws LabError `BARS_INVALID`; StorageError as `scanParquet` throws it.
 */
export async function* featureRows(
  source: string | readonly string[],
  settings: FeatureSettings,
): AsyncGenerator<FeatureRow, void, undefined> {
  const calls = (await hasColumn(source, 'call_id')) ? ['call_id'] : [];
  const orderBy = [...calls, 'chain', 'token_address', 'timestamp'];
  let before: Close | undefined;
  let compute = featuresOfSeries(settings);
  for await (const batch of scanParquet<Close>(source, { columns: [...calls, ...columns], orderBy })) {
    for (const row of batch) {
      const candle: Close = { ...row, call_id: row.call_id ?? null };
      if (before === undefined || !isSameSeries(before, candle)) compute = featuresOfSeries(settings);
      else assertLater(before, candle);
      assertPossible(candle);
      yield compute(candle);
      before = candle;
    }
  }
}

/** All features of one series, fed candle by candle. */
function featuresOfSeries(settings: FeatureSettings): (candle: Close) => FeatureRow {
  const { smaBars, emaBars, volatilityBars, periodsPerYear } = settings;
  const features: [string, Indicator][] = [
    ['return_simple', simpleReturn()],
    ['return_log', logReturn()],
    ...volatilityBars.map(bars => named(`volatility_${bars}`, historicalVolatility(bars, periodsPerYear))),
    ...smaBars.map(bars => named(`sma_${bars}`, simpleMovingAverage(bars))),
    ...emaBars.map(bars => named(`ema_${bars}`, exponentialMovingAverage(bars))),
    ['drawdown', drawdownFromPeak()],
  ];
  return candle =>
    ({
      ...candle,
      ...Object.fromEntries(features.map(([name, indicator]) => [name, indicator(candle.close)])),
    }) as FeatureRow;
}

const named = (name: string, indicator: Indicator): [string, Indicator] => [name, indicator];

const isSameSeries = (a: Close, b: Close): boolean =>
  a.call_id === b.call_id && a.token_address === b.token_address && a.chain === b.chain;

function assertLater(before: Close, candle: Close): void {
  if (before.timestamp?.getTime() === candle.timestamp?.getTime())
    throw labError('BARS_INVALID', `The candle of ${nameOf(candle)} appears twice.`);
}

function assertPossible(candle: Close): void {
  const { token_address, chain, timestamp, close } = candle;
  if (typeof token_address !== 'string' || typeof chain !== 'string' || !(timestamp instanceof Date))
    throw labError('BARS_INVALID', `A candle (${nameOf(candle)}) lacks its token, its chain or its time.`);
  if (close !== null && !(typeof close === 'number' && close > 0 && Number.isFinite(close)))
    throw labError('BARS_INVALID', `The candle of ${nameOf(candle)} has a close of ${close}; prices are positive.`);
}

const nameOf = ({ call_id, token_address, timestamp }: Close): string =>
  `${token_address}${call_id === null ? '' : ` in the call ${call_id}`} at ${timestamp instanceof Date ? timestamp.toISOString() : 'no time'}`;

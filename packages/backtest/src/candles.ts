import { type Row, readParquet, type Schema } from '@quantbot/storage';
import { backtestError } from './errors.js';

/** One bar of one token. Prices are in the quote currency, volume in units of the token. */
export interface Candle {
  token_address: string;
  chain: string;
  /** When the bar begins, UTC. */
  timestamp: Date;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
}

/** The columns of a candle file. */
export const candleSchema = {
  token_address: 'VARCHAR',
  chain: 'VARCHAR',
  timestamp: 'TIMESTAMP',
  open: 'DOUBLE',
  high: 'DOUBLE',
  low: 'DOUBLE',
  close: 'DOUBLE',
  volume: 'DOUBLE',
} as const satisfies Schema;

const columns = Object.keys(candleSchema);

/**
 * Reads candles from Parquet (file, folder or glob), sorted by token and time.
 *
 * @throws BacktestError `CANDLES_INVALID` for an impossible bar (a price that is not positive, high
 * below low, a repeated time); StorageError as `readParquet` throws it.
 */
export async function readCandles(source: string | readonly string[]): Promise<Candle[]> {
  const rows = await readParquet(source, { columns, orderBy: ['chain', 'token_address', 'timestamp'] });
  return rows.map((row, index) => checkedCandle(row, rows[index - 1]));
}

/** Groups candles by token (`chain/token_address`). */
export function groupByToken(candles: readonly Candle[]): Map<string, Candle[]> {
  const groups = new Map<string, Candle[]>();
  for (const candle of candles) {
    const key = tokenKey(candle);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [candle]);
    else group.push(candle);
  }
  return groups;
}

/** Returns the key that identifies a token. */
export const tokenKey = ({ chain, token_address }: Pick<Candle, 'chain' | 'token_address'>): string =>
  `${chain}/${token_address}`;

function checkedCandle(row: Row, previous: Row | undefined): Candle {
  const candle = row as unknown as Candle;
  const { open, high, low, close } = candle;
  const name = `${candle.token_address} at ${candle.timestamp?.toISOString?.() ?? 'no time'}`;
  if (![open, high, low, close].every(price => typeof price === 'number' && price > 0))
    throw backtestError('CANDLES_INVALID', `The bar of ${name} has a price that is not a positive number.`);
  if (high < Math.max(open, close) || low > Math.min(open, close))
    throw backtestError('CANDLES_INVALID', `The bar of ${name} opens or closes outside of its own range.`);
  const before = previous as unknown as Candle | undefined;
  if (
    before !== undefined &&
    tokenKey(before) === tokenKey(candle) &&
    before.timestamp.getTime() === candle.timestamp.getTime()
  )
    throw backtestError('CANDLES_INVALID', `The bar of ${name} appears twice.`);
  return candle;
}

import { csvParse } from 'd3-dsv';

/** One trade on the market. */
interface Tick {
  ts: Date;
  token: string;
  price: number;
  size: number;
}

/** The prices and volume of a token within an hour. */
interface Candle {
  token: string;
  /** Start of the hour, UTC. */
  ts: Date;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
}

/** The columns of the Parquet file. */
export const candleSchema = {
  token: 'VARCHAR',
  ts: 'TIMESTAMP',
  open: 'DOUBLE',
  high: 'DOUBLE',
  low: 'DOUBLE',
  close: 'DOUBLE',
  volume: 'DOUBLE',
};

const hourMs = 3_600_000;

/** Parses ticks from CSV with the columns `ts,token,price,size`. */
export const readTicks = (csv: string): Tick[] =>
  csvParse(csv).map(({ ts, token, price, size }) => ({
    ts: new Date(ts as string),
    token: token as string,
    price: Number(price),
    size: Number(size),
  }));

/**
 * Computes candles by token and hour, in that order. So the same ticks give the same file, byte for
 * byte.
 */
export function toHourlyCandles(ticks: readonly Tick[]): Candle[] {
  const candles = new Map<string, Candle>();
  for (const { ts, token, price, size } of [...ticks].sort((a, b) => a.ts.getTime() - b.ts.getTime())) {
    const hour = new Date(Math.floor(ts.getTime() / hourMs) * hourMs);
    const key = `${token} ${hour.toISOString()}`;
    const candle = candles.get(key) ?? {
      token,
      ts: hour,
      open: price,
      high: price,
      low: price,
      close: price,
      volume: 0,
    };
    candles.set(key, {
      ...candle,
      high: Math.max(candle.high, price),
      low: Math.min(candle.low, price),
      close: price,
      volume: candle.volume + size,
    });
  }
  return [...candles].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, candle]) => candle);
}

import { readParquet } from '@quantbot/storage';
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

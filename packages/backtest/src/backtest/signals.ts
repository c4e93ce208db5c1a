import type { Bar, Preset, TokenSignal } from '@quantbot/lab';
import { readParquet } from '@quantbot/storage';
import { z } from 'zod';

const alertRow = z.object({ token_address: z.string(), ts: z.date(), rule: z.string() });

/** Reads alerts as signals, each by its rule. They come in an order of their own, whatever that of the file. */
export async function readSignals(source: string | readonly string[]): Promise<TokenSignal[]> {
  const orderBy = ['ts', 'token_address', 'rule'];
  const alerts = await readParquet(source, { columns: [...orderBy], orderBy, rowSchema: alertRow });
  return alerts.map(({ token_address, ts, rule }) => ({ token_id: token_address, ts, name: rule }));
}

/** How many signals the preset names and a bar begins with; null for a preset that does not go by signals. */
export function heardSignals(
  { strategy }: Preset,
  signals: readonly TokenSignal[],
  bars: ReadonlyMap<string, readonly Bar[]>,
): number | null {
  if (strategy.type !== 'signals') return null;
  const names = new Set([...strategy.enterOn, ...strategy.exitOn]);
  const begins = new Map([...bars].map(([token, series]) => [token, new Set(series.map(bar => +bar.timestamp))]));
  return signals.filter(({ name, token_id, ts }) => names.has(name) && begins.get(token_id)?.has(+ts)).length;
}

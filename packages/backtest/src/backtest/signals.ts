import type { Bar, Preset, TokenSignal } from '@quantbot/lab';
import { readParquet } from '@quantbot/storage';
import * as z from 'zod';
import { backtestError } from '../errors.js';

const alertRow = z.object({ token_address: z.string(), chain: z.string(), ts: z.date(), rule: z.string() });

/**
 * Reads alerts as signals, each by its rule.
 *
 * @throws BacktestError `BACKTEST_INVALID` for a token on two chains, because a simulation
 * identifies tokens without their chain.
 */
export async function readSignals(source: string | readonly string[]): Promise<TokenSignal[]> {
  const alerts = await readParquet(source, { columns: Object.keys(alertRow.shape), rowSchema: alertRow });
  const chains = new Map<string, string>();
  for (const { token_address, chain } of alerts) {
    const before = chains.get(token_address);
    if (before !== undefined && before !== chain)
      throw backtestError('BACKTEST_INVALID', `The alerts have the token ${token_address} on two chains.`, {
        details: [`alerts: ${token_address} is on ${[before, chain].sort().join(' and ')}`],
      });
    chains.set(token_address, chain);
  }
  return alerts.map(({ token_address, ts, rule }) => ({ token_id: token_address, ts, name: rule }));
}

/**
 * Returns the number of signals that the preset names and that fall on a bar; null for a preset of
 * another type.
 */
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

import type { Preset } from '@quantbot/lab';

const common = { capital: 100_000, sizing: { type: 'fraction', fraction: 0.95 }, feeBps: 5, slippageBps: 2 } as const;

/** The presets that the demo compares. */
export const presets: Preset[] = [
  { name: 'trend-20-100', strategy: { type: 'trend', fastBars: 20, slowBars: 100 }, ...common },
  { name: 'trend-50-200', strategy: { type: 'trend', fastBars: 50, slowBars: 200 }, ...common },
  {
    name: 'trend-50-200-trailing',
    strategy: { type: 'trend', fastBars: 50, slowBars: 200 },
    ...common,
    trailingStop: 0.12,
  },
  {
    name: 'revert-20',
    strategy: { type: 'mean-reversion', bars: 20, entryZ: -2, exitZ: 0 },
    ...common,
    stopLoss: 0.08,
  },
  {
    name: 'revert-50',
    strategy: { type: 'mean-reversion', bars: 50, entryZ: -2, exitZ: 0.5 },
    ...common,
    stopLoss: 0.1,
    takeProfit: 0.08,
  },
  {
    name: 'revert-20-small',
    strategy: { type: 'mean-reversion', bars: 20, entryZ: -1.5, exitZ: 0.5 },
    ...common,
    sizing: { type: 'fixed', quote: 25_000 },
    stopLoss: 0.05,
  },
];

import { expect, test } from 'vitest';
import { parsePreset } from './preset.js';

const good = {
  name: 'trend',
  strategy: { type: 'trend', fastBars: 5, slowBars: 20 },
  capital: 1000,
  sizing: { type: 'fraction', fraction: 0.5 },
};

test('fees and slippage default to none', () => {
  expect(parsePreset(good)).toMatchObject({ feeBps: 0, slippageBps: 0 });
});

test.each<[string, object]>([
  ['strategy.fastBars', { strategy: { type: 'trend', fastBars: 20, slowBars: 5 } }],
  ['strategy.entryZ', { strategy: { type: 'mean-reversion', bars: 20, entryZ: -1, exitZ: -2 } }],
  ['capital', { capital: 0 }],
  ['sizing.fraction', { sizing: { type: 'fraction', fraction: 1.5 } }],
  ['stopLoss', { stopLoss: 2 }],
  ['name', { name: 'a/b' }],
  ['preset', { leverage: 3 }],
])('a preset that is wrong at %s is refused by name', (field, change) => {
  expect(() => parsePreset({ ...good, ...change })).toThrow(
    expect.objectContaining({ code: 'PRESET_INVALID', details: [expect.stringContaining(field)] }),
  );
});

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initBusRoot } from '@quantbot/infra';
import { readParquet, writeParquet } from '@quantbot/storage';
import { isInSample } from '@quantbot/tooling-config/campaign';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FeatureSetCompiler } from './FeatureSetCompiler.js';
import { featureSchema, parseFeatureSettings } from './settings.js';

let folder: string;
let source: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quantbot-lab-'));
  source = join(folder, 'slice.parquet');
  await initBusRoot(join(folder, 'bus'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const day = (n: number) => new Date(Date.UTC(2020, 0, n));
const candle = (call_id: string, token_address: string, n: number, close: number | null) => ({
  call_id,
  token_address,
  chain: 'c',
  timestamp: day(n),
  open: 1,
  high: 1,
  low: 1,
  close,
  volume: 1,
});
const candleSchema = {
  token_address: 'VARCHAR',
  chain: 'VARCHAR',
  timestamp: 'TIMESTAMP',
  open: 'DOUBLE',
  high: 'DOUBLE',
  low: 'DOUBLE',
  close: 'DOUBLE',
  volume: 'DOUBLE',
};
const sliceSchema = { call_id: 'VARCHAR', ...candleSchema };
const settings = { smaBars: [2], emaBars: [2], volatilityBars: [2], periodsPerYear: 4 };

const rows = [
  candle('one', 'A', 1, 10),
  candle('one', 'A', 2, 12),
  candle('one', 'A', 3, 9),
  candle('two', 'A', 2, 12),
  candle('two', 'A', 3, null),
  candle('two', 'A', 4, 6),
];

const compile = (more: object = {}) =>
  new FeatureSetCompiler({ busRoot: join(folder, 'bus') }).compile({
    runId: 'run-1',
    source,
    outputDir: join(folder, 'out'),
    settings,
    ...more,
  });

test('a row per candle of a slice, each call a series of its own, unknown values null', async () => {
  await writeParquet(source, rows, sliceSchema);
  const { path } = await compile();
  const features = await readParquet(path);
  expect(Object.keys(features[0] ?? {})).toEqual(Object.keys(featureSchema(parseFeatureSettings(settings))));
  const values = (name: string) => features.map(row => row[name]);
  expect(values('call_id')).toEqual(['one', 'one', 'one', 'two', 'two', 'two']);
  expect(values('timestamp')).toEqual([1, 2, 3, 2, 3, 4].map(day));
  expect(values('close')).toEqual([10, 12, 9, 12, null, 6]);
  expect(values('return_simple')).toEqual([null, expect.closeTo(0.2, 12), -0.25, null, null, null]);
  expect(values('return_log')[1]).toBeCloseTo(Math.log(1.2), 12);
  // By hand: log returns ln 1.2 and ln 0.75 are a and b; their sample deviation is |a - b| / sqrt
  // 2, times sqrt 4.
  expect(values('volatility_2')).toEqual([
    null,
    null,
    expect.closeTo((Math.log(1.6) / Math.SQRT2) * 2, 12),
    null,
    null,
    null,
  ]);
  expect(values('sma_2')).toEqual([null, 11, 10.5, null, null, null]);
  expect(values('ema_2')).toEqual([null, 11, expect.closeTo((2 * 9 + 11) / 3, 12), null, null, null]);
  expect(values('drawdown')).toEqual([0, 0, -0.25, 0, null, -0.5]);
});

test('candles without calls are series by chain and token', async () => {
  const candles = [
    { ...candle('', 'A', 1, 1), chain: 'x' },
    { ...candle('', 'A', 1, 8), chain: 'y' },
    { ...candle('', 'A', 2, 2), chain: 'x' },
    { ...candle('', 'B', 1, 5), chain: 'x' },
  ].map(({ call_id, ...row }) => row);
  await writeParquet(source, candles, candleSchema);
  const features = await readParquet((await compile()).path);
  expect(features.map(row => [row.call_id, row.chain, row.token_address, row.return_simple])).toEqual([
    [null, 'x', 'A', null],
    [null, 'x', 'A', 1],
    [null, 'x', 'B', null],
    [null, 'y', 'A', null],
  ]);
});

test('goes to the bus as one artifact with its slice and its settings', async () => {
  await writeParquet(source, rows, sliceSchema);
  await compile({ inputs: ['run-1/backtest/slice/slice'], meta: { interval: '1d' } });
  const [job] = readdirSync(join(folder, 'bus/inbox'));
  const manifest = JSON.parse(readFileSync(join(folder, 'bus/inbox', job as string, 'manifest.json'), 'utf8'));
  expect(manifest).toMatchObject({
    run_id: 'run-1',
    producer: 'lab',
    kind: 'features',
    inputs: ['run-1/backtest/slice/slice'],
    provenance: { parameters: settings, tools: { '@quantbot/lab': expect.stringMatching(/^\d+\./) } },
    artifacts: [
      { artifact_id: 'features', rows: 6, schema_hint: 'lab.features', meta: { interval: '1d', ...settings } },
    ],
  });
});

test.skipIf(!isInSample('the same candles make'))(
  'the same candles make the same bytes, in whatever order they lie',
  { tags: ['campaign'] },
  async () => {
    // More than one row group, so that the order of writing shows.
    const many = Array.from({ length: 130_000 }, (_, i) => candle(`c${i % 7}`, 'A', Math.floor(i / 7), 100 + (i % 13)));
    const bytes: Buffer[] = [];
    for (const order of [many, many.toReversed()]) {
      await writeParquet(source, order, sliceSchema);
      bytes.push(readFileSync((await compile()).path));
    }
    expect(bytes[1]?.equals(bytes[0]!)).toBe(true);
  },
);

test('a slice without candles still gives a feature set with its columns', async () => {
  await writeParquet(source, [], sliceSchema);
  const { path, submission } = await compile();
  expect(await readParquet(path, { columns: ['call_id', 'sma_2', 'drawdown'] })).toEqual([]);
  expect(submission?.artifacts.map(artifact => artifact.rows)).toEqual([0]);
});

describe('refused', () => {
  test.each([
    ['smaBars.0', { smaBars: [0] }],
    ['emaBars', { emaBars: [5, 5] }],
    ['volatilityBars.0', { volatilityBars: [1] }],
    ['periodsPerYear', { periodsPerYear: 0 }],
    ['settings', { windows: [20] }],
  ])('settings that are wrong at %s, before anything is read', async (field, wrong) => {
    await expect(compile({ settings: wrong, source: 'nowhere.parquet' })).rejects.toMatchObject({
      code: 'FEATURES_INVALID',
      details: [expect.stringContaining(field)],
    });
  });

  test.each([
    [
      'a candle that is there twice',
      [candle('one', 'A', 1, 10), candle('one', 'A', 1, 11)],
      /one at 2020-01-01.* twice/,
    ],
    ['a close of 0', [candle('one', 'A', 1, 0)], /close of 0/],
    ['a close that is not a number', [candle('one', 'A', 1, Number.NaN)], /close of NaN/],
    ['a candle without a time', [{ ...candle('one', 'A', 1, 1), timestamp: null }], /at no time/],
  ])('%s, and nothing is written or submitted', async (_, wrong, message) => {
    await writeParquet(source, wrong, sliceSchema);
    await expect(compile()).rejects.toMatchObject({ code: 'BARS_INVALID', message: expect.stringMatching(message) });
    expect(readdirSync(join(folder, 'out'))).toEqual([]);
    expect(readdirSync(join(folder, 'bus/inbox'))).toEqual([]);
  });

  test('a file that has no closes', async () => {
    await writeParquet(source, [{ token_address: 'A' }], { token_address: 'VARCHAR' });
    await expect(compile()).rejects.toMatchObject({ code: 'COLUMN_NOT_FOUND' });
  });
});

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initBusRoot } from '@quantbot/infra';
import { readParquet } from '@quantbot/storage';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parsePreset } from './preset.js';
import { eventSchema, fillSchema, positionSchema } from './records.js';
import { SimulationArtifactWriter } from './SimulationArtifactWriter.js';
import { simulate } from './simulate.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quantbot-lab-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const preset = parsePreset({
  name: 'follow',
  strategy: { type: 'trend', fastBars: 1, slowBars: 2 },
  capital: 1000,
  sizing: { type: 'fraction', fraction: 1 },
});
const closes = [10, 9, 11, 12, 8, 8];
const series = closes.map((close, day) => ({
  timestamp: new Date(Date.UTC(2020, 0, 1 + day)),
  open: close,
  high: close,
  low: close,
  close,
}));
const result = simulate(preset, new Map([['T', series]]));
const nothing = simulate(preset, new Map());

test('writes fills, positions, events and a summary, and submits the three as one job', async () => {
  await initBusRoot(join(folder, 'bus'));
  const writer = new SimulationArtifactWriter({ busRoot: join(folder, 'bus') });
  const written = await writer.write({
    runId: 'run-1',
    presetName: 'follow',
    result,
    outputDir: join(folder, 'out'),
    inputs: ['r/backtest/slice/slice'],
    parameters: { preset },
  });
  expect(await readParquet(written.fillsPath)).toEqual(result.fills);
  expect(await readParquet(written.positionsPath)).toEqual(result.positions);
  expect(await readParquet(written.eventsPath)).toEqual(result.events);
  expect(JSON.parse(readFileSync(written.summaryPath, 'utf8'))).toMatchObject({
    runId: 'run-1',
    preset: 'follow',
    trades: 1,
  });
  const [job] = readdirSync(join(folder, 'bus/inbox'));
  const manifest = JSON.parse(readFileSync(join(folder, 'bus/inbox', job as string, 'manifest.json'), 'utf8'));
  expect(manifest).toMatchObject({ run_id: 'run-1', producer: 'simulation', inputs: ['r/backtest/slice/slice'] });
  expect(manifest.provenance).toMatchObject({
    parameters: { presetName: 'follow', preset: { capital: 1000 } },
    tools: { node: process.versions.node, '@quantbot/lab': expect.stringMatching(/^\d+\.\d+\.\d+/) },
  });
  expect(manifest.artifacts.map((a: { kind: string; rows: number; meta: object }) => [a.kind, a.rows, a.meta])).toEqual(
    [
      ['fills', result.fills.length],
      ['positions', result.positions.length],
      ['events', result.events.length],
    ].map(([kind, rows]) => [kind, rows, { presetName: 'follow' }]),
  );
});

test('an empty result still has its columns', async () => {
  await initBusRoot(join(folder, 'bus'));
  const writer = new SimulationArtifactWriter({ busRoot: join(folder, 'bus') });
  const written = await writer.write({ runId: 'run-0', presetName: 'follow', result: nothing, outputDir: folder });
  for (const [path, schema] of [
    [written.fillsPath, fillSchema],
    [written.positionsPath, positionSchema],
    [written.eventsPath, eventSchema],
  ] as const)
    expect(await readParquet(path, { columns: Object.keys(schema) })).toEqual([]);
  expect(written.submission?.artifacts.map(a => a.rows)).toEqual([0, 0, 0]);
});

test('without a bus the local files stay and a warning says so; requireBus makes it an error', async () => {
  const warnings: string[] = [];
  const logger = { warn: (_facts: unknown, text?: string) => void warnings.push(String(text)) };
  const options = { busRoot: join(folder, 'no-bus'), logger: logger as never };
  const run = { runId: 'run-2', presetName: 'follow', result, outputDir: folder };
  const written = await new SimulationArtifactWriter(options).write(run);
  expect(written.submission).toBeUndefined();
  expect(await readParquet(written.fillsPath)).toHaveLength(result.fills.length);
  expect(warnings).toEqual([expect.stringContaining('keeping the local files')]);
  await expect(new SimulationArtifactWriter({ ...options, requireBus: true }).write(run)).rejects.toMatchObject({
    code: 'BUS_ROOT_NOT_FOUND',
  });
});

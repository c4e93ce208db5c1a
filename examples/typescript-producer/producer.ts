/** Computes hourly candles from ticks, writes them as Parquet, and submits them to the bus. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError, collectProvenance, submitArtifact } from '@quantbot/infra/utils';
import { writeParquet } from '@quantbot/storage';
import { candleSchema, readTicks, toHourlyCandles } from './candles.js';

const ticksPath = process.argv[2];
if (ticksPath === undefined) {
  console.error('Which ticks? node examples/dist/typescript-producer.js TICKS.csv');
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), 'candles-'));
try {
  const ticks = readTicks(readFileSync(ticksPath, 'utf8'));
  const candles = toHourlyCandles(ticks);

  // 1. Write Parquet anywhere. The bus does not look at it before you submit it.
  const parquetPath = join(folder, 'candles.parquet');
  await writeParquet(parquetPath, candles, candleSchema);

  // 2. Submit it. Once this returns, the job survives a crash of any process. The daemon need not
  // be running.
  const submission = await submitArtifact({
    runId: 'example-2026-01-30', // you may submit the same bytes again under this run id; other bytes are refused
    producer: 'example-market',
    kind: 'candles',
    artifactId: 'hourly',
    parquetPath,
    schemaHint: 'canon.example_candles', // the rows become part of this table
    provenance: await collectProvenance({ parameters: { interval: '1h', ticks: ticks.length } }),
    meta: { interval: '1h' },
  });

  // 3. Wait for the daemon only if you need the outcome.
  const { status, artifacts } = await submission.settled({ timeoutMs: 30_000 });
  console.log(`${status}: ${artifacts[0]?.rows} candles of ${ticks.length} ticks, as ${submission.artifacts[0]?.key}`);
} catch (error) {
  if (!(error instanceof CodedError)) throw error;
  console.error(`${error.code}: ${error.message} ${error.hint}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}

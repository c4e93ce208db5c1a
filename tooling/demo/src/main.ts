/**
 * The main job, from end to end, on real market data: candles → baseline alerts → slice → simulations, each through the bus, while the
 * daemon runs; then everything is read back.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { computeCoverage, materialiseSlice, runBaseline, type SlicePlan } from '@quantbot/backtest';
import type { SimulationSummary } from '@quantbot/lab';
import { openCatalog, openDuckDb, type Row, readParquet } from '@quantbot/storage';
import { publishCandles } from './market-data.js';
import { presets } from './presets.js';
import { killAll, runPresetProcess, startDaemon } from './processes.js';
import { ingestedTable, presetTable, step } from './report.js';
import { freshWorkspace, type Workspace } from './workspace.js';

const runId = 'sp500-2000-2020';

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    killAll();
    process.exit(130);
  });

try {
  await run(await freshWorkspace());
} catch (error) {
  console.error(`\nThe demo failed: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  killAll();
}

async function run(workspace: Workspace): Promise<void> {
  const { data, work } = workspace;
  const busRoot = join(data, 'bus');
  const daemon = await startDaemon(workspace);
  step('the daemon runs');

  const candles = await publishCandles(work, busRoot, runId);
  const candleKey = (await candles.submission.settled()).artifacts[0]?.key ?? '';
  step(`candles: ${candles.rows} days of the S&P 500`);

  const baseline = await runBaseline({
    runId,
    candles: candles.path,
    outputDir: work,
    inputs: [candleKey],
    busRoot,
    requireBus: true,
  });
  await baseline.submission?.settled();
  step(`baseline alerts: ${baseline.alerts.length}`);

  const slice = await makeSlice(candles.path, candleKey, work, busRoot, data);
  step(`slice: ${slice.rows} candles around ${slice.calls} alerts`);

  const summaries = await runSimulations(slice.path, slice.key, work, busRoot);
  step(`simulations: ${summaries.length} presets, each a process of its own`);

  const reader = await readBack(data);
  step('read back through @quantbot/storage');
  await daemon.stop();
  step('the daemon has stopped');

  console.log(`\nIngested:\n${ingestedTable(reader.datasets)}`);
  console.log(
    `\nPresets (100,000 to begin with; the index itself ${indexReturn(reader.candles)}):\n${presetTable(summaries)}`,
  );
  console.log(`\nGolden exports and the catalog agree: ${reader.agreement}\n`);
  console.log(`Everything lies in ${data}:
  alerts.duckdb   the published database; open it read-only from any DuckDB
  exports/        golden Parquet exports, one per canonical table
  bus/store/      the artifacts, write-once
  daemon.log      what the daemon said

Try next:
  npm run -s bus -- query "SELECT reason, count(*) AS exits, round(sum(pnl)) AS pnl FROM canon.sim_events WHERE type = 'exit' GROUP BY reason ORDER BY pnl DESC"`);
}

/** A slice around the alerts that say "now": the alerts come from the bus, as another team's would. */
async function makeSlice(candlePath: string, candleKey: string, work: string, busRoot: string, data: string) {
  await using db = await openDuckDb(join(data, 'alerts.duckdb'), { readOnly: true });
  const latest = await db.query(`
    SELECT canonical_path, artifact_key
    FROM catalog.latest_artifacts_v
    WHERE producer = 'baseline' AND kind = 'alerts_std'
  `);
  const alerts = await readParquet(latest[0]?.canonical_path as string, { orderBy: 'ts' });
  const plan: SlicePlan = {
    runId,
    interval: '1d',
    calls: alerts.map(alert => ({
      callId: alert.alert_id as string,
      tokenAddress: alert.token_address as string,
      chain: alert.chain as string,
      calledAt: alert.ts as Date,
    })),
    window: { before: 200, after: 60 },
    candles: candlePath,
    outputDir: work,
    inputs: [candleKey, latest[0]?.artifact_key as string],
  };
  const slice = await materialiseSlice(plan, await computeCoverage(plan), { busRoot, requireBus: true });
  const receipt = await slice.submission?.settled();
  return { path: slice.path, rows: slice.rows, calls: slice.callIds.length, key: receipt?.artifacts[0]?.key ?? '' };
}

async function runSimulations(
  slicePath: string,
  sliceKey: string,
  work: string,
  busRoot: string,
): Promise<SimulationSummary[]> {
  const outputs = await Promise.all(
    presets.map(preset =>
      runPresetProcess({
        preset,
        runId: `${runId}-${preset.name}`,
        slicePath,
        sliceKey,
        outputDir: join(work, preset.name),
        busRoot,
      }),
    ),
  );
  return outputs.map(output => (JSON.parse(output) as { summary: SimulationSummary }).summary);
}

/** Both of the guide's ways: the golden export, and the file that the catalog names. */
async function readBack(data: string): Promise<{ datasets: Row[]; candles: Row[]; agreement: string }> {
  await using catalog = await openCatalog({ duckdbPath: join(data, 'alerts.duckdb') });
  await using db = await openDuckDb(join(data, 'alerts.duckdb'), { readOnly: true });
  await exportsCaughtUp(db);
  const golden = await readParquet(join(data, 'exports/alerts_std.parquet'));
  const latest = await catalog.latest({ producer: 'baseline', kind: 'alerts_std' });
  const stored = await readParquet(latest?.path ?? '');
  const [canon] = await db.query('SELECT count(*) AS n FROM canon.alerts_std');
  if (golden.length !== stored.length || canon?.n !== stored.length)
    throw new Error(`The export has ${golden.length} alerts, the table ${canon?.n}, the artifact ${stored.length}.`);
  return {
    datasets: await db.query('SELECT * FROM catalog.datasets_d ORDER BY last_seq, kind'),
    candles: await readParquet(join(data, 'exports/candles.parquet'), {
      columns: ['timestamp', 'close'],
      orderBy: 'timestamp',
    }),
    agreement: `${golden.length} alerts in exports/alerts_std.parquet, in canon.alerts_std, and in the stored artifact`,
  };
}

async function exportsCaughtUp(db: { query(sql: string): Promise<Row[]> }): Promise<void> {
  for (let waited = 0; waited < 20_000; waited += 100) {
    const behind = await db.query(`
      SELECT d.schema_hint FROM catalog.datasets_d d LEFT JOIN catalog.exports_d e ON 'canon.' || e.name = d.schema_hint
      WHERE d.schema_hint LIKE 'canon.%' AND NOT coalesce(e.ok AND e.as_of_seq >= d.last_seq, false)`);
    if (behind.length === 0) return;
    await sleep(100);
  }
  throw new Error('The golden exports did not catch up within 20 s; see exports/_export_status.json.');
}

function indexReturn(candles: readonly Row[]): string {
  const [first, last] = [candles[0]?.close as number, candles.at(-1)?.close as number];
  return `${((last / first - 1) * 100).toFixed(1)} %`;
}

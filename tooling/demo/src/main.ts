/**
 * The whole workflow on real market data: candles → baseline alerts → slice → features, backtest,
 * simulations. Each step goes through the bus while the daemon runs. At the end everything is read
 * back.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type CatalogInput,
  callsFromCatalog,
  computeCoverage,
  inputFromCatalog,
  materialiseSlice,
  runBaseline,
  type SlicePlan,
} from '@quantbot/backtest';
import type { SimulationSummary } from '@quantbot/lab';
import { type Catalog, openCatalog, openDuckDb, type Row, readParquet } from '@quantbot/storage';
import { startWithDashboard } from './dashboard.js';
import { publishCandles } from './market-data.js';
import { presets } from './presets.js';
import { killAll, runPresetProcess, startDaemon } from './processes.js';
import { allOf, featureTable, ingestedTable, presetTable, step, tradeTable } from './report.js';
import { backtestAlerts, compileFeatures, featuresByYear, tradesByReason } from './research.js';
import { freshWorkspace, type Workspace } from './workspace.js';

const runId = 'sp500-2000-2020';

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    killAll();
    process.exit(130);
  });

try {
  await run(await freshWorkspace(), process.argv.includes('--dashboard'));
} catch (error) {
  console.error(`\nThe demo failed: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  killAll();
}

async function run(workspace: Workspace, withDashboard: boolean): Promise<void> {
  const { data, work } = workspace;
  const busRoot = join(data, 'bus');
  const dashboard = withDashboard ? await startWithDashboard(workspace) : undefined;
  const daemon = dashboard?.daemon ?? (await startDaemon(workspace));
  step(dashboard === undefined ? 'the daemon runs' : `the daemon runs, with its dashboard on ${dashboard.url}`);

  const { rows, submission } = await publishCandles(work, busRoot, runId);
  await submission.settled();
  step(`candles: ${rows} days of the S&P 500`);

  // From here on each producer finds its inputs in the catalog, like a program of another team.
  await using catalog = await openCatalog({ duckdbPath: join(data, 'alerts.duckdb') });
  const candles = await inputFromCatalog(catalog, { producer: 'market-data', kind: 'candles' });
  const baseline = await runBaseline({
    runId,
    candles: candles.path,
    outputDir: work,
    inputs: [candles.key],
    busRoot,
    requireBus: true,
  });
  await baseline.submission?.settled();
  step(`baseline alerts: ${baseline.alerts.length}`);

  const slice = await makeSlice(catalog, candles, work, busRoot);
  step(`slice: ${slice.rows} candles around ${slice.calls} alerts`);

  const features = await compileFeatures(catalog, { runId, work, busRoot });
  step(`features: ${features} rows, one per candle`);
  const backtest = await backtestAlerts(catalog, { runId, work, busRoot });
  step(`backtest of the alerts: ${backtest.summary.trades} trades, all of its tables as one job`);

  const summaries = await runSimulations(join(data, 'alerts.duckdb'), work, busRoot);
  step(`simulations: ${summaries.length} presets, each a process of its own`);

  const reader = await readBack(catalog, data);
  step('read back through @quantbot/storage');
  const lineage = await lineageOfEquity(catalog);
  if (dashboard === undefined) {
    await daemon.stop();
    step('the daemon has stopped');
  }

  console.log(`\nIngested:\n${ingestedTable(reader.datasets)}`);
  console.log(
    `\nPresets (100,000 to begin with; the index itself ${indexReturn(reader.candles)}):\n${presetTable(summaries)}`,
  );
  console.log(`\nFeatures of the slices, from canon.features:\n${featureTable(reader.features)}`);
  console.log(`\nThe backtest of the alerts, from canon.trades:\n${tradeTable(reader.trades)}`);
  console.log(`\nGolden exports and the catalog agree: ${reader.agreement}`);
  console.log(`Lineage of an equity curve: ${lineage}\n`);
  console.log(`Everything lies in ${data}:
  alerts.duckdb   the published database; open it read-only from any DuckDB
  exports/        golden Parquet exports, one per canonical table
  bus/store/      the artifacts, write-once
  daemon.log      what the daemon said

Try next:
  npm run -s bus -- query --config demo/bus_config.json "SELECT reason, count(*) AS exits, round(sum(pnl)) AS pnl FROM canon.sim_events WHERE type = 'exit' GROUP BY reason ORDER BY pnl DESC"`);
  if (dashboard === undefined) return;
  console.log(`\nThe dashboard is on ${dashboard.url} until you press Ctrl+C.`);
  await dashboard.daemon.ended;
}

/** Creates a slice around the alerts. */
async function makeSlice(catalog: Catalog, candles: CatalogInput, work: string, busRoot: string) {
  const alerts = await callsFromCatalog(catalog);
  const plan: SlicePlan = {
    runId,
    interval: '1d',
    calls: alerts.calls,
    window: { before: 200, after: 60 },
    candles: candles.path,
    outputDir: work,
    inputs: [candles.key, alerts.key],
  };
  const slice = await materialiseSlice(plan, await computeCoverage(plan), { busRoot, requireBus: true });
  await slice.submission?.settled();
  return { rows: slice.rows, calls: slice.callIds.length };
}

async function runSimulations(duckdbPath: string, work: string, busRoot: string): Promise<SimulationSummary[]> {
  const outputs = await allOf(
    'presets',
    presets.map(preset =>
      runPresetProcess({
        preset,
        runId: `${runId}-${preset.name}`,
        sliceRunId: runId,
        duckdbPath,
        outputDir: join(work, preset.name),
        busRoot,
      }),
    ),
  );
  return outputs.map(output => (JSON.parse(output) as { summary: SimulationSummary }).summary);
}

/** Reads in both ways of the guide: the golden export, and the file that the catalog names. */
async function readBack(
  catalog: Catalog,
  data: string,
): Promise<{ datasets: Row[]; candles: Row[]; features: Row[]; trades: Row[]; agreement: string }> {
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
    features: await featuresByYear(db),
    trades: await tradesByReason(db),
    agreement: `${golden.length} alerts in exports/alerts_std.parquet, in canon.alerts_std, and in the stored artifact`,
  };
}

/** Returns the lineage from the positions of one simulation back to the candles. */
async function lineageOfEquity(catalog: Catalog): Promise<string> {
  const positions = await catalog.latest({ producer: 'simulation', kind: 'positions' });
  const { artifacts } = await catalog.lineage(positions?.key ?? '', { direction: 'inputs', depth: Infinity });
  return artifacts.map(({ kind }) => kind).join(' ← ');
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

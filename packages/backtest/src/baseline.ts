import type { BusPolicy, Submission } from '@quantbot/infra/utils';
import { publishTables } from '@quantbot/storage';
import { type Alert, type AlertSettings, alertSchema, computeAlerts, defaultAlertSettings } from './alerts.js';
import { readCandles } from './candles.js';
import { backtestProvenance } from './provenance.js';

/** The input of the baseline producer. */
export interface BaselineOptions extends BusPolicy {
  runId: string;
  /** Parquet with candles: a file, a folder, a glob, or a list of them. */
  candles: string | readonly string[];
  /** The folder of the local file. */
  outputDir: string;
  settings?: AlertSettings;
  /** Keys of the artifacts that the candles come from. */
  inputs?: readonly string[];
  /** Replaces the provenance that is collected by default: commit, settings, versions. */
  provenance?: Record<string, unknown>;
  /** The default is `QUANTBOT_BUS_ROOT`, the nearest `bus_config.json`, then `data/bus`. */
  busRoot?: string;
}

/** The result of the baseline producer. */
export interface Baseline {
  path: string;
  alerts: Alert[];
  /** Undefined if the bus could not take it. The local file exists either way. */
  submission: Submission | undefined;
}

/**
 * The baseline producer: computes the standard alerts from candles, writes `alerts_std.parquet`,
 * and submits it to `canon.alerts_std` as `run_id/baseline/alerts_std/alerts_std`.
 *
 * @throws BacktestError `CANDLES_INVALID`; BusError if the bus refuses the file, or (with
 * `requireBus`) is not available.
 */
export async function runBaseline(options: BaselineOptions): Promise<Baseline> {
  const settings = options.settings ?? defaultAlertSettings;
  const alerts = computeAlerts(await readCandles(options.candles), settings);
  const { files, submission } = await publishTables({
    runId: options.runId,
    producer: 'baseline',
    kind: 'alerts_std',
    outputDir: options.outputDir,
    tables: [
      {
        artifactId: 'alerts_std',
        rows: alerts,
        schema: alertSchema,
        schemaHint: 'canon.alerts_std',
        meta: { settings },
      },
    ],
    inputs: options.inputs,
    provenance: options.provenance ?? (await backtestProvenance({ settings })),
    busRoot: options.busRoot,
    requireBus: options.requireBus,
    logger: options.logger,
  });
  return { path: files[0]!.path, alerts, submission };
}

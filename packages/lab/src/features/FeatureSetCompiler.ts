import { type BusPolicy, collectProvenance, type Submission } from '@quantbot/infra/utils';
import { publishTables } from '@quantbot/storage';
import { version } from '../version.js';
import { featureRows } from './feature-rows.js';
import { type FeatureSettings, featureSchema, parseFeatureSettings } from './settings.js';

/** Where a compiler's feature sets go. */
export interface FeatureSetCompilerOptions extends BusPolicy {
  /** Else `QUANTBOT_BUS_ROOT`, the nearest `bus_config.json`, `data/bus`. */
  busRoot?: string;
  /**
   * `lab.features` when absent, which the catalog records. `canon.<table>` makes feature sets part
   * of a canonical table.
   */
  schemaHint?: string;
}

/** What a feature set is compiled from. */
export interface FeatureSet {
  runId: string;
  /**
   * Parquet with a slice or with candles (`token_address, chain, timestamp, close`, and of a slice
   * `call_id`): a file, a folder, a glob, or a list of them.
   */
  source: string | readonly string[];
  /** Where `features.parquet` goes. */
  outputDir: string;
  /** Windows and annualisation; {@link defaultFeatureSettings} for what is absent. */
  settings?: Partial<FeatureSettings>;
  /** Keys of the artifacts that the source comes from: the slice. */
  inputs?: readonly string[];
  /** Takes the place of the provenance that is collected otherwise: commit, settings, versions. */
  provenance?: Record<string, unknown>;
  /** Kept with the artifact, besides the settings. */
  meta?: Record<string, unknown>;
}

/** What was compiled. */
export interface CompiledFeatures {
  /** Absolute: the local `features.parquet`. */
  path: string;
  rows: number;
  /** Undefined when the bus could not take it; the local file is there all the same. */
  submission: Submission | undefined;
}

/**
 * Compiles feature sets: returns, volatility, moving averages and drawdown of each series of a
 * slice, written as `features.parquet` and submitted as `run_id/lab/features/features`. It has a
 * row per candle; what cannot be told yet is null. The formulas stand beside their functions:
 * {@link simpleReturn}, {@link logReturn}, {@link historicalVolatility},
 * {@link simpleMovingAverage}, {@link exponentialMovingAverage}, {@link drawdownFromPeak}.
 *
 * The same slice and settings make the same bytes, whatever the order of the slice's rows. Neither
 * the slice nor its features are held as a whole by JavaScript.
 *
 * @example
 * const compiler = new FeatureSetCompiler();
 * const source = 'out/run-1/slice.parquet';
 * const features = await compiler.compile({ runId: 'run-1', source, outputDir: 'out/run-1' });
 * await features.submission?.settled();
 */
export class FeatureSetCompiler {
  readonly #options: FeatureSetCompilerOptions;

  constructor(options: FeatureSetCompilerOptions = {}) {
    this.#options = options;
  }

  /**
   * Compiles and submits one feature set.
   *
   * @throws LabError `FEATURES_INVALID`, `BARS_INVALID`; StorageError as `scanParquet` throws it;
   * BusError when the bus refuses the file, or (with `requireBus`) is not there.
   */
  async compile(featureSet: FeatureSet): Promise<CompiledFeatures> {
    const { runId, source, outputDir, inputs, meta } = featureSet;
    const settings = parseFeatureSettings(featureSet.settings);
    const { schemaHint = 'lab.features', ...bus } = this.#options;
    const provenance =
      featureSet.provenance ?? (await collectProvenance({ parameters: settings, tools: { '@quantbot/lab': version } }));
    const { files, submission } = await publishTables({
      runId,
      producer: 'lab',
      kind: 'features',
      outputDir,
      tables: [
        {
          artifactId: 'features',
          rows: featureRows(source, settings),
          schema: featureSchema(settings),
          schemaHint,
          meta: { ...meta, ...settings },
        },
      ],
      inputs,
      provenance,
      ...bus,
    });
    const { path, rows } = files[0]!;
    return { path, rows, submission };
  }
}

import { type BusPolicy, collectProvenance, type Submission } from '@quantbot/infra/utils';
import { publishTables } from '@quantbot/storage';
import { version } from '../version.js';
import { featureRows } from './feature-rows.js';
import { type FeatureSettings, featureSchema, parseFeatureSettings } from './settings.js';

/** The options of a compiler. */
export interface FeatureSetCompilerOptions extends BusPolicy {
  /** The default is `QUANTBOT_BUS_ROOT`, the nearest `bus_config.json`, then `data/bus`. */
  busRoot?: string;
  /**
   * The default `lab.features` is only recorded in the catalog. `canon.<table>` adds feature sets
   * to a canonical table.
   */
  schemaHint?: string;
}

/** The input of a feature set. */
export interface FeatureSet {
  runId: string;
  /**
   * Parquet with a slice or with candles (`token_address, chain, timestamp, close`, and of a slice
   * `call_id`): a file, a folder, a glob, or a list of them.
   */
  source: string | readonly string[];
  /** The folder of `features.parquet`. */
  outputDir: string;
  /** Windows and annualisation; {@link defaultFeatureSettings} for what is absent. */
  settings?: Partial<FeatureSettings>;
  /** Keys of the artifacts that the source comes from: the slice. */
  inputs?: readonly string[];
  /** Replaces the provenance that is collected by default: commit, settings, versions. */
  provenance?: Record<string, unknown>;
  /** Stored with the artifact, in addition to the settings. */
  meta?: Record<string, unknown>;
}

/** A compiled feature set. */
export interface CompiledFeatures {
  /** Absolute: the local `features.parquet`. */
  path: string;
  rows: number;
  /** Undefined if the bus could not take it. The local file exists either way. */
  submission: Submission | undefined;
}

/**
 * Compiles feature sets: returns, volatility, moving averages and drawdown of each series of a
 * slice, written as `features.parquet` and submitted as `run_id/lab/features/features`. It has a
 * row per candle; a value that is not defined yet is null. These functions document the formulas:
 * {@link simpleReturn}, {@link logReturn}, {@link historicalVolatility},
 * {@link simpleMovingAverage}, {@link exponentialMovingAverage}, {@link drawdownFromPeak}.
 *
 * The same slice and settings give the same bytes, in any order of the slice's rows. Neither
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
   * BusError if the bus refuses the file, or (with `requireBus`) is not available.
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

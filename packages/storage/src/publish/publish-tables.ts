import { join } from 'node:path';
import { type BusPolicy, type Submission, submitOrKeep } from '@quantbot/infra';
import { storageError } from '../errors.js';
import { mustBeText } from '../options.js';
import type { Schema } from '../parquet/schema.js';
import type { RowSource } from '../parquet/sources.js';
import { type WrittenFile, writeParquet } from '../parquet/write-parquet.js';

/** One table of a job: its rows become a Parquet file and an artifact. */
export interface TableToPublish {
  /** Its kind; by default that of the job. */
  kind?: string;
  /** Names the artifact, and its file: `<artifactId>.parquet`. */
  artifactId: string;
  /** From an array, or from a generator for more rows than fit into memory. */
  rows: RowSource;
  schema: Schema;
  /** `canon.<table>` makes it part of a canonical table; other hints are recorded only. */
  schemaHint?: string;
  /** Kept with the artifact. */
  meta?: Record<string, unknown>;
}

/** What a producer publishes. */
export interface PublishOptions extends BusPolicy {
  runId: string;
  producer: string;
  kind: string;
  /** The folder of the local files. It is created if missing. */
  outputDir: string;
  tables: readonly TableToPublish[];
  /** Keys of the artifacts that the run read: its lineage. */
  inputs?: readonly string[];
  /** The origin of the artifacts: commit, parameters, versions. */
  provenance?: Record<string, unknown>;
  /** By default `QUANTBOT_BUS_ROOT`, the nearest `bus_config.json`, or `data/bus`. */
  busRoot?: string;
  /** Of the job as a whole. */
  meta?: Record<string, unknown>;
}

/** What was published. */
export interface Published {
  /** The local files, in the order of the tables. */
  files: WrittenFile[];
  /** Undefined if the bus could not take the files. They stay on disk. */
  submission: Submission | undefined;
}

/**
 * Writes tables as Parquet and submits them to the bus as one job. They become visible together, as
 * `run_id/producer/kind/artifact_id`.
 *
 * The same rows, schema and options give the same bytes, so a repeated run is a duplicate.
 *
 * @throws StorageError as `writeParquet`; BusError if the bus refuses the files, or, with
 * `requireBus`, is not available.
 *
 * @example
 * const schema = { token: 'VARCHAR', price: 'DOUBLE' };
 * const rows = [{ token: 'SPX', price: 4500.25 }];
 * const table = { artifactId: 'prices', rows, schema, schemaHint: 'canon.prices' };
 * const { submission } = await publishTables({
 *   runId: 'run-1',
 *   producer: 'market',
 *   kind: 'prices',
 *   outputDir: 'out',
 *   tables: [table],
 * });
 * await submission?.settled();
 */
export async function publishTables(options: PublishOptions): Promise<Published> {
  const { outputDir, tables, requireBus, logger, ...job } = options ?? {};
  mustBeText(outputDir, 'The outputDir');
  if (!Array.isArray(tables)) throw storageError('OPTIONS_INVALID', 'The tables are not a list.');
  const files: WrittenFile[] = [];
  for (const { artifactId, rows, schema } of tables)
    files.push(await writeParquet(join(outputDir, `${artifactId}.parquet`), rows, schema));
  const artifacts = tables.map(({ kind, artifactId, schemaHint, meta }, index) => {
    const { path: parquetPath, rows } = files[index]!;
    return { kind, artifactId, parquetPath, rows, schemaHint, meta };
  });
  return { files, submission: await submitOrKeep({ ...job, artifacts }, { requireBus, logger }) };
}

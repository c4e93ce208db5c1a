import { createHash } from 'node:crypto';
import { findSubmitRoot } from '../bus-root.js';
import { systemErrorCode } from '../errors.js';
import { faultPoint } from '../fault-point.js';
import { newJobId } from '../ids.js';
import { manifestArtifactKey } from '../manifest.js';
import { isHttpRoot, isObjectRoot } from '../object-root.js';
import type { S3Options } from '../objects/objects.js';
import type { Operation } from '../operation.js';
import type { Receipt } from '../receipt.js';
import { schemaHintWarning } from '../schema-hint.js';
import { withSubmitSpan } from '../tracing.js';
import { folderBus } from './enter-inbox.js';
import { httpBus } from './http-bus.js';
import { openObjectBus } from './object-bus.js';
import { checkOptions, type SubmitArtifactOptions, type SubmitArtifactsOptions } from './options.js';
import { type SettleOptions, waitUntilSettled } from './settled.js';
import { submitFailed } from './submit-failed.js';
import type { BusTarget, EnteredJob } from './target.js';

/** One artifact as it was submitted. */
export interface SubmittedArtifact {
  /** `run_id/producer/kind/artifact_id`. */
  key: string;
  artifactId: string;
  kind: string;
  rows: number;
  bytes: number;
  sha256: string;
}

/**
 * A job that the bus has accepted. It survives anything, and ends as ingested, duplicate or
 * rejected.
 */
export interface Submission {
  jobId: string;
  /** The bus it was submitted to: an absolute path, or the URL of an object store. */
  busRoot: string;
  artifacts: SubmittedArtifact[];
  /**
   * Sentences about schema hints that name no canonical table, but look like mistakes. The process
   * also emits each as a `SchemaHintWarning`.
   */
  warnings: readonly string[];
  /**
   * Waits until the daemon has settled the job.
   *
   * @returns the receipt.
   * @throws JobRejectedError with the rejection's code; BusError `SETTLE_TIMEOUT` after `timeoutMs`
   * (60 s when absent).
   */
  settled(options?: SettleOptions): Promise<Receipt>;
}

/**
 * Submits one Parquet file to the bus. Once the promise resolves, the job survives a crash of any
 * process and a power cut. The file stays in place, unless `transfer: 'move'` gives it away.
 *
 * @example
 * const submission = await submitArtifact({
 *   runId: 'run-123',
 *   producer: 'simulation',
 *   kind: 'trades',
 *   artifactId: 'trades',
 *   parquetPath: '/tmp/my-artifact.parquet',
 *   schemaHint: 'canon.trades',
 *   rows: 1000,
 *   meta: { interval: '1m' },
 * });
 * const receipt = await submission.settled();
 *
 * @throws BusError with one of the codes `OPTIONS_INVALID`, `ID_INVALID`, `BUS_ROOT_NOT_FOUND`,
 * `BUS_ROOT_INVALID`, `ARTIFACT_MISSING`, `ARTIFACT_UNREADABLE`, `NOT_PARQUET`,
 * `UNSUPPORTED_PARQUET`, `ROWS_MISMATCH`, `BYTES_MISMATCH`, `MANIFEST_INVALID`, `TOO_COMPLEX`,
 * `TOO_LARGE`, `JOB_ID_IN_USE`, `CONFIG_INVALID`, `CONFIG_NOT_FOUND`, `DISK_FULL`, `SUBMIT_FAILED`;
 * to an object store or a server also `CHECKSUM_MISMATCH`, to a server `BUS_DENIED`. Whatever is
 * thrown, nothing was submitted, unless the hint of `SUBMIT_FAILED` says that the outcome is
 * unknown.
 */
export async function submitArtifact(options: SubmitArtifactOptions): Promise<Submission> {
  const { artifactId, parquetPath, schemaHint, rows, meta, ...job } = options ?? {}; // JavaScript may pass nothing
  return submitArtifacts({ ...job, artifacts: [{ artifactId, parquetPath, schemaHint, rows, meta }] });
}

/**
 * Submits several Parquet files as one job: they become visible together, or not at all.
 *
 * @throws like {@link submitArtifact}.
 */
export function submitArtifacts(options: SubmitArtifactsOptions): Promise<Submission> {
  return withSubmitSpan(options?.producer, async describe => {
    const submission = await submitJob(options);
    describe({ 'quantbot_bus.job_id': submission.jobId, 'quantbot_bus.run_id': options.runId });
    return submission;
  });
}

async function submitJob(options: SubmitArtifactsOptions): Promise<Submission> {
  checkOptions(options);
  const submission = await submitTo(options.busRoot, bus =>
    bus.submit(options.jobId ?? newJobId(options.producer), options),
  );
  for (const warning of submission.warnings) process.emitWarning(warning, 'SchemaHintWarning');
  return submission;
}

/**
 * Submits a command to the daemon as a job, for actions that only the writer may take. The daemon
 * need not be running. `s3` says how an object store is reached, as in the section `cluster`.
 *
 * @throws BusError `BUS_ROOT_NOT_FOUND`, `MANIFEST_INVALID`, `SUBMIT_FAILED`.
 */
export const submitOperation = (
  op: Operation,
  { busRoot, s3 }: { busRoot?: string; s3?: S3Options } = {},
): Promise<Submission> => submitTo(busRoot, bus => bus.operate(op), s3);

async function submitTo(
  root: string | undefined,
  enter: (bus: BusTarget) => Promise<EnteredJob>,
  options?: S3Options,
): Promise<Submission> {
  try {
    const { busRoot, s3 = options } = await findSubmitRoot(root);
    const bus = await targetOf(busRoot, s3);
    const job = await enter(bus);
    faultPoint('submit:accepted');
    return describeSubmission(bus, job);
  } catch (error) {
    throw systemErrorCode(error) === undefined ? error : submitFailed(error);
  }
}

async function targetOf(busRoot: string, s3: S3Options | undefined): Promise<BusTarget> {
  if (isObjectRoot(busRoot)) return openObjectBus(busRoot, s3);
  return isHttpRoot(busRoot) ? httpBus(busRoot) : folderBus(busRoot);
}

function describeSubmission(
  bus: BusTarget,
  { manifest, manifestBytes, outcome = bus.outcome }: EnteredJob,
): Submission {
  const artifacts = manifest.artifacts.map(artifact => ({
    key: manifestArtifactKey(manifest, artifact),
    artifactId: artifact.artifact_id,
    kind: artifact.kind ?? manifest.kind,
    rows: artifact.rows ?? 0,
    bytes: artifact.bytes ?? 0,
    sha256: artifact.sha256 ?? '',
  }));
  const manifestSha256 = createHash('sha256').update(manifestBytes).digest('hex');
  return {
    jobId: manifest.job_id,
    busRoot: bus.root,
    artifacts,
    warnings: [...new Set(manifest.artifacts.flatMap(artifact => schemaHintWarning(artifact.schema_hint) ?? []))],
    settled: options => waitUntilSettled(outcome, { jobId: manifest.job_id, manifestSha256, artifacts }, options),
  };
}

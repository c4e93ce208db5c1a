import { createHash } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { busLayout, fileNames } from '../bus-layout.js';
import { findBusRoot } from '../bus-root.js';
import { BusError, busError, systemErrorCode } from '../errors.js';
import { faultPoint } from '../fault-point.js';
import { syncFolder } from '../files/flush.js';
import { readSmallFile } from '../files/read-small.js';
import { newJobId } from '../ids.js';
import { type Manifest, manifestArtifactKey, maxManifestBytes, type Operation, parseManifest } from '../manifest.js';
import type { Receipt } from '../receipt.js';
import { withSubmitSpan } from '../tracing.js';
import { checkOptions, type SubmitArtifactOptions, type SubmitArtifactsOptions } from './options.js';
import { type SettleOptions, waitUntilSettled } from './settled.js';
import { discardStaged, dropGivenAway, placeInInbox, type StagedJob, stageJob, stageOperation } from './stage-job.js';

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
  /** Absolute path of the bus it was submitted to. */
  busRoot: string;
  artifacts: SubmittedArtifact[];
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
 * `TOO_LARGE`, `JOB_ID_IN_USE`, `CONFIG_INVALID`, `CONFIG_NOT_FOUND`, `SUBMIT_FAILED`. Whatever is
 * thrown, nothing was submitted, unless the hint of `SUBMIT_FAILED` says that this is not known.
 */
export async function submitArtifact(options: SubmitArtifactOptions): Promise<Submission> {
  const { artifactId, parquetPath, schemaHint, rows, meta, ...job } = options;
  return submitArtifacts({ ...job, artifacts: [{ artifactId, parquetPath, schemaHint, rows, meta }] });
}

/**
 * Submits several Parquet files as one job: they become visible together, or not at all.
 *
 * @throws like {@link submitArtifact}.
 */
export function submitArtifacts(options: SubmitArtifactsOptions): Promise<Submission> {
  return withSubmitSpan(options.producer, async describe => {
    const submission = await submitJob(options);
    describe({ 'quantbot_bus.job_id': submission.jobId, 'quantbot_bus.run_id': options.runId });
    return submission;
  });
}

async function submitJob(options: SubmitArtifactsOptions): Promise<Submission> {
  checkOptions(options);
  let job: StagedJob | undefined;
  try {
    const busRoot = await findBusRoot(options.busRoot);
    job = await stageJob(busLayout(busRoot), options.jobId ?? newJobId(options.producer), options);
    faultPoint('submit:staged');
    const manifestBytes = await enterInbox(busRoot, job);
    faultPoint('submit:accepted');
    return describeSubmission(busRoot, job.manifest, manifestBytes);
  } catch (error) {
    if (job !== undefined) await discardStaged(job.folder);
    throw systemErrorCode(error) === undefined ? error : submitFailed(error);
  }
}

/**
 * Submits a command to the daemon as a job, for actions that only the writer may take. The daemon
 * need not be running.
 *
 * @throws BusError `BUS_ROOT_NOT_FOUND`, `MANIFEST_INVALID`, `SUBMIT_FAILED`.
 */
export async function submitOperation(op: Operation, options: { busRoot?: string } = {}): Promise<Submission> {
  let job: StagedJob | undefined;
  try {
    const busRoot = await findBusRoot(options.busRoot);
    job = await stageOperation(busLayout(busRoot), newJobId(op.type), op);
    return describeSubmission(busRoot, job.manifest, await enterInbox(busRoot, job));
  } catch (error) {
    if (job !== undefined) await discardStaged(job.folder);
    throw systemErrorCode(error) === undefined ? error : submitFailed(error);
  }
}

/** How often to retry while the daemon takes a job with the same id from the inbox. */
const attempts = 100;

/**
 * Renames the staged job into the inbox. A waiting job with the same id is fine if its content is
 * the same.
 *
 * @returns the `manifest.json` of the job in the inbox, whose hash the outcome names.
 */
async function enterInbox(busRoot: string, job: StagedJob): Promise<Uint8Array> {
  const { inbox } = busLayout(busRoot);
  const target = join(inbox, job.manifest.job_id);
  for (let attempt = 1; attempt <= attempts; attempt++) {
    if (await orUnknown(placeInInbox(job, target))) return job.manifestBytes;
    const waiting = await readWaitingManifest(target);
    if (waiting === undefined) {
      if (await isGone(target)) continue; // the daemon took it meanwhile
      throw busError('JOB_ID_IN_USE', `A job ${job.manifest.job_id} without manifest.json is in the inbox.`);
    }
    if (contentOf(waiting.manifest) !== contentOf(job.manifest))
      throw busError('JOB_ID_IN_USE', `A job ${job.manifest.job_id} with other content waits in the inbox.`);
    await orUnknown(syncFolder(inbox)); // an earlier attempt may have died after its rename
    dropGivenAway(job);
    await discardStaged(job.folder);
    return waiting.bytes;
  }
  throw busError('JOB_ID_IN_USE', `Other jobs with the id ${job.manifest.job_id} keep occupying the inbox.`);
}

/** A failure after the job may have entered the inbox leaves its fate open, and says so. */
async function orUnknown<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (systemErrorCode(error) !== 'EIO') throw error;
    throw submitFailed(
      error,
      'Submit again: the bus takes the same content only once. The outcome of this attempt is unknown.',
    );
  }
}

async function readWaitingManifest(folder: string): Promise<{ manifest: Manifest; bytes: Uint8Array } | undefined> {
  try {
    const bytes = readSmallFile(join(folder, fileNames.manifest), maxManifestBytes);
    return { manifest: parseManifest(bytes), bytes };
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return undefined;
    if (error instanceof BusError || ['ELOOP', 'EACCES'].includes(systemErrorCode(error) ?? ''))
      throw busError('JOB_ID_IN_USE', `Another job waits in ${folder}.`, { cause: error });
    throw error;
  }
}

async function isGone(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return false;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return true;
    throw error;
  }
}

const contentOf = (manifest: Manifest): string =>
  JSON.stringify([
    manifest.op ?? null,
    ...manifest.artifacts.map(artifact => [manifestArtifactKey(manifest, artifact), artifact.sha256]),
  ]);

function describeSubmission(busRoot: string, manifest: Manifest, manifestBytes: Uint8Array): Submission {
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
    busRoot,
    artifacts,
    settled: options => waitUntilSettled(busRoot, { jobId: manifest.job_id, manifestSha256, artifacts }, options),
  };
}

const crossDeviceHint =
  'Put staging/ and inbox/ on one file system, as all folders of a bus must be. Nothing was submitted.';

function submitFailed(
  cause: unknown,
  hint = systemErrorCode(cause) === 'EXDEV' ? crossDeviceHint : undefined,
): BusError {
  const { message } = cause as Error;
  return busError('SUBMIT_FAILED', `The bus could not take the job: ${message}.`, { cause, ...(hint && { hint }) });
}

import { createHash, randomBytes } from 'node:crypto';
import { readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { busLayout, fileNames } from '../bus-layout.js';
import { findBusRoot } from '../bus-root.js';
import { syncFolder } from '../durable-fs.js';
import { BusError, busError, CodedError, systemErrorCode } from '../errors.js';
import { faultPoint } from '../fault-point.js';
import { type Manifest, manifestArtifactKey, parseManifest } from '../manifest.js';
import type { Receipt } from '../receipt.js';
import { checkOptions, type SubmitArtifactOptions, type SubmitArtifactsOptions } from './options.js';
import { type SettleOptions, waitUntilSettled } from './settled.js';
import { discardStaged, placeInInbox, type StagedJob, stageJob } from './stage-job.js';

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

/** A job that the bus has taken over: from here on it survives anything, and ends as ingested, duplicate or rejected. */
export interface Submission {
  jobId: string;
  /** Absolute path of the bus it was submitted to. */
  busRoot: string;
  artifacts: SubmittedArtifact[];
  /**
   * Waits until the daemon has settled the job.
   *
   * @returns the receipt.
   * @throws JobRejectedError with the rejection's code; BusError `SETTLE_TIMEOUT` after `timeoutMs` (60 s when absent).
   */
  settled(options?: SettleOptions): Promise<Receipt>;
}

/**
 * Submits one Parquet file to the artifact bus. When the promise has resolved the job is durable: it survives a crash of any process
 * and a power cut. The file itself stays where it is, unless `transfer: 'move'` gives it away.
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
 * @throws BusError with one of the codes `OPTIONS_INVALID`, `ID_INVALID`, `BUS_ROOT_NOT_FOUND`, `BUS_ROOT_INVALID`,
 * `ARTIFACT_MISSING`, `NOT_PARQUET`, `ROWS_MISMATCH`, `MANIFEST_INVALID`, `TOO_LARGE`, `JOB_ID_IN_USE`, `SUBMIT_FAILED`. Whatever is
 * thrown, nothing was submitted.
 */
export async function submitArtifact(options: SubmitArtifactOptions): Promise<Submission> {
  const { artifactId, parquetPath, schemaHint, rows, meta, ...job } = options;
  return submitArtifacts({ ...job, artifacts: [{ artifactId, parquetPath, schemaHint, rows, meta }] });
}

/**
 * Submits several Parquet files as one job: they become visible together, or none of them does.
 *
 * @throws like {@link submitArtifact}.
 */
export async function submitArtifacts(options: SubmitArtifactsOptions): Promise<Submission> {
  checkOptions(options);
  const busRoot = await findBusRoot(options.busRoot);
  const jobId = options.jobId ?? newJobId(options.producer);
  let job: StagedJob | undefined;
  try {
    job = await stageJob(busLayout(busRoot), jobId, options);
    faultPoint('submit:staged');
    await enterInbox(busRoot, job);
    faultPoint('submit:accepted');
    return describeSubmission(busRoot, job);
  } catch (error) {
    if (job !== undefined) await discardStaged(job.folder);
    throw error instanceof CodedError ? error : submitFailed(error);
  }
}

/** Renames the staged job in; a job of that id that waits already is fine when it has the same content. */
async function enterInbox(busRoot: string, job: StagedJob): Promise<void> {
  const { inbox } = busLayout(busRoot);
  if (await placeInInbox(job, join(inbox, job.manifest.job_id))) return;
  const waiting = await readWaitingManifest(join(inbox, job.manifest.job_id));
  if (waiting === undefined) return enterInbox(busRoot, job); // the daemon has just taken it
  if (contentOf(waiting) !== contentOf(job.manifest))
    throw busError('JOB_ID_IN_USE', `A job ${job.manifest.job_id} with other content waits in the inbox.`);
  await syncFolder(inbox); // the earlier attempt may have died between its rename and this
  for (const path of job.givenAway) await unlink(path);
  await discardStaged(job.folder);
}

async function readWaitingManifest(folder: string): Promise<Manifest | undefined> {
  try {
    return parseManifest(await readFile(join(folder, fileNames.manifest)));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    if (error instanceof BusError) throw busError('JOB_ID_IN_USE', `Another job waits in ${folder}.`, { cause: error });
    throw error;
  }
}

const contentOf = (manifest: Manifest): string =>
  JSON.stringify(manifest.artifacts.map(artifact => [manifestArtifactKey(manifest, artifact), artifact.sha256]));

function describeSubmission(busRoot: string, { manifest, manifestBytes }: StagedJob): Submission {
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

/** Sorts by time, says who made it, and is unique: `20260131T120000123Z-simulation-9f2c61d0a4be`. */
function newJobId(producer: string): string {
  const time = new Date().toISOString().replace(/[-:.]/g, '');
  return `${time}-${producer.slice(0, 60)}-${randomBytes(6).toString('hex')}`;
}

function submitFailed(cause: unknown): BusError {
  const { message } = cause instanceof Error ? cause : { message: String(cause) };
  return busError('SUBMIT_FAILED', `The bus could not take the job: ${message}.`, { cause });
}

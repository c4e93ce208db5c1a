import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { busLayout, fileNames } from '../bus-layout.js';
import { BusError, busError, systemErrorCode } from '../errors.js';
import { faultPoint } from '../fault-point.js';
import { syncFolder } from '../files/flush.js';
import { readSmallFile } from '../files/read-small.js';
import { newJobId } from '../ids.js';
import { type Manifest, maxManifestBytes, parseManifest } from '../manifest.js';
import { contentOf } from './describe-job.js';
import { dropGivenAway } from './given-away.js';
import { localOutcome } from './local-outcome.js';
import { discardStaged, placeInInbox, type StagedJob, stageGiven, stageJob, stageOperation } from './stage-job.js';
import { submitFailed } from './submit-failed.js';
import type { BusTarget, EnteredJob } from './target.js';

/** The bus in a folder of this machine. */
export const folderBus = (busRoot: string): BusTarget => ({
  root: busRoot,
  submit: (jobId, options) => enter(busRoot, () => stageJob(busLayout(busRoot), jobId, options)),
  operate: op => enter(busRoot, () => stageOperation(busLayout(busRoot), newJobId(op.type), op)),
  outcome: localOutcome(busRoot),
});

/**
 * Submits a job of files that another program has brought. Nothing else may write to the files.
 *
 * @param files the path of each file, by its name in the job. The files are given away.
 * @throws BusError `MANIFEST_INVALID`, `JOB_ID_IN_USE`, `SUBMIT_FAILED`; system errors as they
 * come.
 */
export const submitGiven = (
  busRoot: string,
  manifestBytes: Uint8Array,
  files: ReadonlyMap<string, string>,
): Promise<EnteredJob> => enter(busRoot, () => stageGiven(busLayout(busRoot), manifestBytes, files));

/**
 * Returns the manifest of a waiting job with the same id and content; undefined if none waits.
 *
 * @throws BusError `JOB_ID_IN_USE` for other content.
 */
export async function waitingJob(busRoot: string, manifest: Manifest): Promise<Uint8Array | undefined> {
  const waiting = await readWaitingManifest(join(busLayout(busRoot).inbox, manifest.job_id));
  if (waiting !== undefined && contentOf(waiting.manifest) !== contentOf(manifest))
    throw busError('JOB_ID_IN_USE', `A job ${manifest.job_id} with other content waits in the inbox.`);
  return waiting?.bytes;
}

async function enter(busRoot: string, stage: () => Promise<StagedJob>): Promise<EnteredJob> {
  const job = await stage();
  try {
    faultPoint('submit:staged');
    const manifestBytes = await enterInbox(busRoot, job);
    return { manifest: job.manifest, manifestBytes };
  } catch (error) {
    await discardStaged(job.folder);
    throw error;
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
    dropGivenAway(job.givenAway);
    await discardStaged(job.folder);
    return waiting.bytes;
  }
  throw busError('JOB_ID_IN_USE', `Other jobs with the id ${job.manifest.job_id} keep occupying the inbox.`);
}

/**
 * Runs work after which the job may be in the inbox. Its error says that the outcome is unknown.
 */
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

import { hash } from 'node:crypto';
import { lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { entryOf, takeJobs } from '@quantbot/bus-cluster';
import { concurrently } from '@quantbot/bus-format';
import { BusError, type Manifest, rejectCodes } from '@quantbot/infra';
import {
  busError,
  isForOperators,
  maxManifestBytes,
  type ObjectManifest,
  objectKeys,
  parseObjectManifest,
} from '@quantbot/infra/bus';
import type { ListedObject } from '@quantbot/infra/objects';
import { type FileInfo, fileInfo } from '../writer/file-thread/look-into.js';
import { refuseSparse } from '../writer/stages/sparse.js';
import { checkJobBytes, checkSize } from '../writer/stages/verify-artifact.js';
import type { Cluster, FetchedJob } from './cluster.js';
import type { Found } from './inbox-scan.js';

/** Jobs that are fetched at once: requests wait for the object store, not for the processor. */
const jobsAtOnce = 32;

/** Returns the name of the local copy of an artifact. */
const localName = (index: number): string => `${index}.parquet`;

/**
 * In: entries of the inbox. Out: the jobs that this daemon has leased, with their files in its own
 * folder. Durable effect: a lease for each.
 */
export async function fetchJobs(cluster: Cluster, { entries, limit }: Found): Promise<FetchedJob[]> {
  const { postgres, member, leaseS } = cluster;
  const byId = new Map<string, ListedObject>();
  for (const entry of entries) {
    const { jobId } = entryOf(entry.key);
    if (!byId.has(jobId)) byId.set(jobId, entry); // a later one of the same id waits for it
  }
  const taken = await takeJobs(postgres, member.daemon, [...byId.keys()], { leaseS, limit });
  const jobs = await concurrently(
    [...taken],
    jobId => fetchJob(cluster, jobId, byId.get(jobId) as ListedObject),
    jobsAtOnce,
  );
  return jobs.filter(job => job !== undefined);
}

/** Returns undefined if the manifest is gone: another daemon has settled the job. */
async function fetchJob(cluster: Cluster, jobId: string, entry: ListedObject): Promise<FetchedJob | undefined> {
  const manifestBytes = await readManifest(cluster, entry.key);
  if (manifestBytes === undefined) return undefined;
  const isRead = !(manifestBytes instanceof BusError);
  const claim = cluster.newClaim();
  const job: FetchedJob = {
    claim,
    jobId,
    folder: join(cluster.workFolder, `${claim}~${jobId}`),
    submittedAtMs: entry.modifiedAtMs,
    own: true,
    ours: true,
    sealed: true,
    inboxKey: entry.key,
    manifestBytes: isRead ? manifestBytes : undefined,
    manifestSha256: hash('sha256', isRead ? manifestBytes : entry.key),
    retryOf: entryOf(entry.key).retryOf,
  };
  if (!isRead) return { ...job, error: manifestBytes };
  try {
    if (entry.key !== objectKeys.inbox(jobId, job.manifestSha256, job.retryOf))
      throw busError('MANIFEST_INVALID', `${entry.key} has another SHA-256 than its name says.`);
    const manifest = parseObjectManifest(manifestBytes);
    if (manifest.op !== undefined && isForOperators(manifest.op)) await mustBeOfOperator(cluster, job);
    mkdirSync(job.folder, { recursive: true });
    const files = await download(cluster, manifest, job.folder);
    const { manifestSha256 } = job;
    const given = { manifest: withLocalNames(manifest), manifestSha256, manifestLength: manifestBytes.length };
    return { ...job, given, files };
  } catch (error) {
    if (isOfJob(error)) return { ...job, error };
    throw error;
  }
}

/**
 * Copies the artifacts of a job. If an object is missing, so is the local copy, and verification
 * rejects the job. Sizes are checked first: an object may have more bytes than this host's disk.
 *
 * @returns the copies.
 */
async function download(
  cluster: Cluster,
  { artifacts }: ObjectManifest,
  folder: string,
): Promise<Map<string, FileInfo>> {
  let all = 0;
  for (const { object, bytes } of artifacts) {
    checkSize(cluster, object, bytes);
    all += bytes;
  }
  checkJobBytes(cluster, all);
  const files = new Map<string, FileInfo>();
  for (const [index, { object, bytes }] of artifacts.entries()) {
    const name = localName(index);
    const path = join(folder, name);
    const found = await cluster.objects.download(object, path, {
      maxBytes: bytes,
      mayRead: file => refuseSparse(file, object, cluster.config.limits.maxSparseRatio),
    });
    if (found !== undefined) files.set(name, fileInfo(lstatSync(path)));
  }
  return files;
}

/** Only an operator may write below `operators/`: see the policy of producers. */
async function mustBeOfOperator({ objects }: Cluster, { jobId, manifestSha256 }: FetchedJob): Promise<void> {
  const shown = await objects.read(objectKeys.operator(jobId), manifestSha256.length).catch(error => {
    if (!isOfJob(error)) throw error; // of a job is what is too large or no file
  });
  if (shown?.toString('latin1') === manifestSha256) return;
  throw busError('OPERATION_FORBIDDEN', `No object ${objectKeys.operator(jobId)} shows that an operator asks for it.`);
}

/** Returns an error for a manifest that is too large or badly named: its producer's fault. */
async function readManifest(cluster: Cluster, key: string): Promise<Buffer | BusError | undefined> {
  try {
    return await cluster.objects.read(key, maxManifestBytes);
  } catch (error) {
    if (isOfJob(error)) return error;
    throw error;
  }
}

/** Whether the job is at fault. Otherwise, as with refused credentials, it is not rejected. */
const isOfJob = (error: unknown): error is BusError => error instanceof BusError && error.code in rejectCodes;

/** Returns the manifest as in a job's folder on one machine. */
const withLocalNames = (manifest: ObjectManifest): Manifest => ({
  ...manifest,
  artifacts: manifest.artifacts.map(({ object: _object, ...artifact }, index) => ({
    ...artifact,
    relpath: localName(index),
  })),
});

import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { join } from 'node:path';
import {
  BusError,
  busError,
  fileNames,
  type Manifest,
  maxManifestBytes,
  parseManifest,
  stagedMark,
  systemErrorCode,
} from '@quantbot/infra';
import type { Bus } from '../bus.js';
import { canonTableOf, isBadCanonHint } from '../canon/table.js';
import { concurrently } from '../concurrent.js';
import type { DecodeProblem } from '../worker/protocol.js';
import { checkDecodable } from './decodable.js';
import { type ClaimedJob, isRejected, type RejectedJob, type VerifiedArtifact, type VerifiedJob } from './job.js';
import { verifyArtifact } from './verify-artifact.js';

const contentTimeoutMs = 300_000;

/**
 * In: claimed jobs. Out: each one with its files checked (manifest, paths, sizes, hashes, footers, pages of canonical files), or with
 * the reason why it cannot be taken. Durable effect: none that counts (a private copy inside the claimed folder where one is needed).
 * Nothing that a file claims is believed before it is bounded.
 */
export async function verify(bus: Bus, claimed: readonly ClaimedJob[]): Promise<(VerifiedJob | RejectedJob)[]> {
  const verified = await concurrently(claimed, job => verifyJob(bus, job));
  const undecodable = await checkDecodable(
    bus,
    verified.filter(job => !isRejected(job)).flatMap(job => (isRejected(job) ? [] : job.artifacts)),
  );
  const decodable = verified.map(job => (isRejected(job) ? job : rejectUndecodable(job, undecodable)));
  return bus.config.catalog.contentHash ? hashContents(bus, decodable) : decodable;
}

async function verifyJob(bus: Bus, job: ClaimedJob): Promise<VerifiedJob | RejectedJob> {
  let manifest: Manifest | undefined;
  let manifestSha256: string | null = null;
  try {
    await checkFolder(job);
    const bytes = await readManifestBytes(job);
    manifestSha256 = createHash('sha256').update(bytes).digest('hex');
    manifest = parseManifest(bytes);
    checkManifestOf(job, manifest);
    const staged = await isStaged(job);
    const artifacts: VerifiedArtifact[] = [];
    for (const [index] of manifest.artifacts.entries())
      artifacts.push(await verifyArtifact(bus, job, manifest, index, staged));
    return { ...job, manifest, manifestSha256, artifacts };
  } catch (error) {
    if (error instanceof BusError) return { ...job, manifest, manifestSha256, error };
    if (systemErrorCode(error) === 'EACCES')
      return {
        ...job,
        manifest,
        manifestSha256,
        error: busError('ARTIFACT_UNREADABLE', `The daemon may not read ${(error as NodeJS.ErrnoException).path}.`),
      };
    throw error;
  }
}

async function checkFolder(job: ClaimedJob): Promise<void> {
  const info = await lstat(job.folder);
  if (info.isSymbolicLink()) throw busError('UNSAFE_PATH', 'The job folder is a symbolic link.');
  if (!info.isDirectory()) throw busError('UNSAFE_PATH', 'The job is not a folder.');
}

/** At most one byte more than allowed is read, so that a huge manifest costs nothing. */
async function readManifestBytes(job: ClaimedJob): Promise<Uint8Array> {
  const path = join(job.folder, fileNames.manifest);
  await mustBeRegular(path, fileNames.manifest, () => busError('MANIFEST_MISSING', 'The job has no manifest.json.'));
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size } = await handle.stat();
    if (size > maxManifestBytes)
      throw busError('TOO_LARGE', `manifest.json has ${size} bytes; ${maxManifestBytes} are allowed.`);
    const buffer = Buffer.alloc(size);
    let length = 0;
    while (length < size) {
      const { bytesRead } = await handle.read(buffer, length, size - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  } finally {
    await handle.close();
  }
}

function checkManifestOf(job: ClaimedJob, manifest: Manifest): void {
  if (manifest.job_id !== job.jobId)
    throw busError(
      'MANIFEST_INVALID',
      `The manifest's job_id is ${manifest.job_id}, the folder's name is ${job.jobId}.`,
      {
        details: ['job_id: must equal the name of the job folder'],
      },
    );
  const bad = manifest.artifacts.find(artifact => isBadCanonHint(artifact.schema_hint));
  if (bad !== undefined)
    throw busError('MANIFEST_INVALID', `The schema_hint ${bad.schema_hint} names no table.`, {
      details: ['schema_hint: canon.<table>, where <table> is letters, digits and underscores, at most 63'],
    });
}

/** Whether the job was built in `staging/` and renamed in. In doubt: no, which costs a copy. */
async function isStaged(job: ClaimedJob): Promise<boolean> {
  const path = join(job.folder, fileNames.commit);
  await mustBeRegular(path, fileNames.commit, () => busError('MANIFEST_INVALID', 'The job has no COMMIT.'));
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(stagedMark.length + 1), 0, stagedMark.length + 1, 0);
    return buffer.toString('latin1', 0, bytesRead) === stagedMark;
  } finally {
    await handle.close();
  }
}

async function mustBeRegular(path: string, name: string, missing: () => BusError): Promise<void> {
  const info = await lstat(path).catch(error => {
    if (systemErrorCode(error) === 'ENOENT') throw missing();
    throw error;
  });
  if (!info.isFile()) throw busError('UNSAFE_PATH', `${name} is not a regular file.`);
}

/** A file whose rows cannot be read has no hash of them; it is verified all the same, since nobody has asked for its rows yet. */
async function hashContents(
  bus: Bus,
  jobs: readonly (VerifiedJob | RejectedJob)[],
): Promise<(VerifiedJob | RejectedJob)[]> {
  for (const job of jobs)
    for (const artifact of isRejected(job) ? [] : job.artifacts) {
      const hash = await bus.inspector
        .request({ task: 'content', path: artifact.file }, contentTimeoutMs)
        .catch(error => {
          bus.logger.warn(
            { job: job.jobId, artifact: artifact.key, err: error },
            'the rows of an artifact could not be hashed',
          );
          return undefined;
        });
      if (hash !== undefined) artifact.contentHash = hash;
    }
  return [...jobs];
}

function rejectUndecodable(
  job: VerifiedJob,
  undecodable: ReadonlyMap<string, DecodeProblem>,
): VerifiedJob | RejectedJob {
  const bad = job.artifacts.find(artifact => undecodable.has(artifact.file));
  if (bad === undefined) return job;
  const { artifacts: _artifacts, ...rest } = job;
  const problem = undecodable.get(bad.file) as DecodeProblem;
  const error =
    'nulls' in problem
      ? busError(
          'SCHEMA_MISMATCH',
          `${bad.key} does not fit canon.${canonTableOf(bad.entry.schema_hint)}: ${problem.nulls.join('; ')}.`,
          {
            details: problem.nulls,
          },
        )
      : busError('NOT_PARQUET', `${bad.entry.relpath} has a good footer, but its rows cannot be read.`, {
          details: [problem.unreadable],
        });
  return { ...rest, error };
}

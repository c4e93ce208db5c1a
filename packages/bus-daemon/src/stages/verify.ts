import { hash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import {
  BusError,
  busError,
  fileNames,
  inFolder,
  isNotRegular,
  type Manifest,
  maxManifestBytes,
  parseManifest,
  readSmallFile,
  stagedMark,
  systemErrorCode,
} from '@quantbot/infra';
import type { Bus } from '../bus.js';
import { canonTableOf, isBadCanonHint } from '../canon/table.js';
import { breathe, concurrently } from '../concurrent.js';
import type { DecodeFinding } from '../worker/decoder.js';
import { checkDecodable } from './decodable.js';
import { type CheckedJob, type ClaimedJob, isRejected, type VerifiedArtifact, type VerifiedJob } from './job.js';
import { verifyArtifact } from './verify-artifact.js';

/**
 * In: claimed jobs. Out: each one with its files checked (manifest, paths, sizes, hashes, footers, pages of canonical files), or with
 * the reason why it cannot be taken. Durable effect: none that counts (a private copy inside the claimed folder where one is needed).
 * Nothing that a file claims is believed before it is bounded.
 */
export async function verify(bus: Bus, claimed: readonly ClaimedJob[], signal?: AbortSignal): Promise<CheckedJob[]> {
  const verified = await concurrently(claimed, job => verifyJob(bus, job, signal));
  const undecodable = await checkDecodable(
    bus,
    verified.filter(job => !isRejected(job)).flatMap(job => (isRejected(job) ? [] : job.artifacts)),
  );
  const decodable = verified.map(job => (isRejected(job) ? job : rejectUndecodable(job, undecodable)));
  return bus.config.catalog.contentHash ? hashContents(bus, decodable) : decodable;
}

async function verifyJob(bus: Bus, job: ClaimedJob, signal: AbortSignal | undefined): Promise<CheckedJob> {
  let manifest: Manifest | undefined;
  let manifestSha256: string | null = null;
  try {
    checkFolder(job);
    const bytes = readManifestBytes(job);
    manifestSha256 = hash('sha256', bytes);
    manifest = parseManifest(bytes);
    checkManifestOf(job, manifest);
    const staged = job.staged ?? isStaged(job);
    const artifacts: VerifiedArtifact[] = [];
    for (const [index] of manifest.artifacts.entries()) {
      artifacts.push(await verifyArtifact(bus, { ...job, manifest, staged }, index, signal));
      bus.events.emit('moved', { stage: 'verify' });
      await breathe();
    }
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

function checkFolder(job: ClaimedJob): void {
  if (job.files !== undefined) return; // it could be looked into
  const info = lstatSync(job.folder);
  if (info.isSymbolicLink()) throw busError('UNSAFE_PATH', 'The job folder is a symbolic link.');
  if (!info.isDirectory()) throw busError('UNSAFE_PATH', 'The job is not a folder.');
}

function readManifestBytes(job: ClaimedJob): Uint8Array {
  const missing = () => busError('MANIFEST_MISSING', 'The job has no manifest.json.');
  return readProtocolFile(job, fileNames.manifest, maxManifestBytes, missing);
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
function isStaged(job: ClaimedJob): boolean {
  const missing = () => busError('MANIFEST_INVALID', 'The job has no COMMIT.');
  try {
    return readProtocolFile(job, fileNames.commit, stagedMark.length, missing).toString('latin1') === stagedMark;
  } catch (error) {
    if ((error as { code?: string }).code === 'TOO_LARGE' || systemErrorCode(error) === 'EACCES') return false;
    throw error;
  }
}

/** One look less than asking first what it is: opening says it too. */
function readProtocolFile(job: ClaimedJob, name: string, maxBytes: number, missing: () => BusError): Buffer {
  try {
    return readSmallFile(inFolder(job.folder, name), maxBytes);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') throw missing();
    const { code } = error as { code?: string };
    if (code === 'TOO_LARGE') throw busError(code, `${name} has more than the ${maxBytes} bytes that are allowed.`);
    if (code === 'UNSAFE_PATH' || isNotRegular(error)) throw busError('UNSAFE_PATH', `${name} is not a regular file.`);
    throw error;
  }
}

const contentTimeoutMs = 300_000;

/** A file whose rows cannot be read has no hash of them; it is verified all the same, since nobody has asked for its rows yet. */
async function hashContents(bus: Bus, jobs: readonly CheckedJob[]): Promise<CheckedJob[]> {
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
      bus.events.emit('moved', { stage: 'verify' });
    }
  return [...jobs];
}

function rejectUndecodable(job: VerifiedJob, undecodable: ReadonlyMap<string, DecodeFinding>): CheckedJob {
  const bad = job.artifacts.find(artifact => undecodable.has(artifact.file));
  if (bad === undefined) return job;
  const { artifacts: _artifacts, ...rest } = job;
  return { ...rest, error: undecodableError(bad, undecodable.get(bad.file) as DecodeFinding) };
}

function undecodableError({ entry, key }: VerifiedArtifact, finding: DecodeFinding): BusError {
  const { relpath } = entry;
  if ('nulls' in finding) {
    const sentence = `${key} does not fit canon.${canonTableOf(entry.schema_hint)}: ${finding.nulls.join('; ')}.`;
    return busError('SCHEMA_MISMATCH', sentence, { details: finding.nulls });
  }
  if ('missing' in finding)
    return busError('ARTIFACT_MISSING', `${relpath} went away while it was read.`, { details: [finding.missing] });
  if ('unsupported' in finding)
    return busError('UNSUPPORTED_PARQUET', `${relpath} has a good footer, but DuckDB cannot read its rows.`, {
      details: [finding.unsupported],
    });
  if ('tooComplex' in finding)
    return busError('TOO_COMPLEX', `Reading the rows of ${relpath} costs more than a file of its size may cost.`, {
      details: [finding.tooComplex],
    });
  return busError('NOT_PARQUET', `${relpath} has a good footer, but its rows cannot be read.`, {
    details: [finding.unreadable],
  });
}

import { hash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { breathe, concurrently, isMachineFault } from '@quantbot/bus-format';
import type { DecodeFinding, SlowFile } from '@quantbot/duckdb-process';
import { BusError, type Manifest, parseManifest } from '@quantbot/infra';
import { busError, isForOperators, maxManifestBytes, schemaHintProblem } from '@quantbot/infra/bus';
import { fileNames, inFolder, readSmallFile, systemErrorCode } from '@quantbot/infra/files';
import type { Beside, VerifyingBus } from '../bus.js';
import { type CheckedJob, type ClaimedJob, isRejected, type VerifiedArtifact, type VerifiedJob } from '../job.js';
import { BringOver } from './bring-over.js';
import { checkDecodable } from './decodable.js';
import { checkJournalText } from './journal-text.js';
import { isLarge, manyArtifacts } from './large.js';
import { CostlyFile } from './long-footer.js';
import { tableOperationIn } from './table-operation.js';
import { checkJobBytes, type JobFile, verifyArtifact } from './verify-artifact.js';

/**
 * In: claimed jobs. Out: each job with its files checked (manifest, paths, sizes, hashes, footers,
 * pages of canonical files), or with the reason of its rejection. Durable effect: none, except a
 * private copy in the claimed folder if needed. Every claim of a file is bounded before it is
 * trusted. A job that would delay the others goes to `bus.beside` and is not in the result.
 */
export async function verify(
  bus: VerifyingBus,
  claimed: readonly ClaimedJob[],
  signal?: AbortSignal,
): Promise<CheckedJob[]> {
  const verified = (await concurrently(claimed, job => verifyJob(bus, job, signal))).filter(job => job !== undefined);
  const undecodable = await checkDecodable(
    bus,
    verified.flatMap(job => (isRejected(job) ? [] : job.artifacts)),
  );
  const decodable = verified
    .filter(job => isRejected(job) || !handOverSlow(bus, job, undecodable))
    .map(job => (isRejected(job) ? job : rejectUndecodable(bus, job, undecodable)));
  return bus.config.catalog.contentHash ? hashContents(bus, decodable) : decodable;
}

async function verifyJob(
  bus: VerifyingBus,
  job: ClaimedJob,
  signal: AbortSignal | undefined,
): Promise<CheckedJob | undefined> {
  let manifest: Manifest | undefined;
  let manifestSha256: string | null = null;
  let manifestLength = 0;
  let over: BringOver | undefined;
  try {
    checkFolder(job);
    over = job.own ? undefined : BringOver.begin(bus, job);
    if (job.given === undefined) {
      const bytes = over === undefined ? readManifestBytes(job) : over.manifest();
      manifestSha256 = hash('sha256', bytes);
      manifestLength = bytes.byteLength;
      manifest = parseManifest(bytes);
    } else ({ manifest, manifestSha256, manifestLength } = job.given);
    checkManifestOf(job, manifest);
    const known = knownBytes(job, manifest);
    checkJobBytes(bus, known);
    const wouldDelay =
      isLarge(known, bus.config.batch.maxBytes) ||
      manifest.artifacts.length > manyArtifacts ||
      tableOperationIn({ manifest }) !== undefined; // also those that read no file, to keep their order
    if (bus.beside !== undefined && wouldDelay) return void handOver(bus.beside, job);
    const artifacts: VerifiedArtifact[] = [];
    const read = new Map<string, JobFile>();
    let before = 0;
    for (const [index] of manifest.artifacts.entries()) {
      const artifact = await verifyArtifact(bus, { ...job, manifest }, index, { over, before, signal, read });
      artifacts.push(artifact);
      before += artifact.bytes;
      bus.events.emit('moved', { stage: 'verify' });
      await breathe();
    }
    checkJournalText(manifest, manifestLength, artifacts);
    return { ...job, manifest, manifestSha256, manifestLength, artifacts };
  } catch (error) {
    if (error instanceof CostlyFile && bus.beside !== undefined) return void handOver(bus.beside, job);
    return { ...job, manifest, manifestSha256, manifestLength, error: faultOf(job, error) };
  } finally {
    over?.close();
  }
}

/**
 * Verifies jobs again whose canonical tables have got a key since. Nothing had looked for NULL in
 * it.
 */
export async function verifyNewKeys(bus: VerifyingBus, jobs: readonly CheckedJob[]): Promise<readonly CheckedJob[]> {
  if (bus.tables.changedByOperations.length === 0) return jobs;
  const changed = jobs.flatMap(job => (isRejected(job) ? [] : job.artifacts.filter(hasNewKey(bus))));
  if (changed.length === 0) return jobs;
  const undecodable = await checkDecodable({ ...bus, beside: undefined }, changed);
  return jobs.map(job => (isRejected(job) ? job : rejectUndecodable(bus, job, undecodable)));
}

const hasNewKey =
  ({ tables }: VerifyingBus) =>
  ({ entry, columns, neverNull }: VerifiedArtifact): boolean => {
    const table = tables.tableOf(entry.schema_hint);
    if (table === undefined) return false;
    const isNew = (name: string) => neverNull?.includes(name) !== true && columns.some(column => column.name === name);
    return tables.required(table).some(isNew);
  };

/** Returns an error that is the job's own, and throws any other. */
function faultOf(job: ClaimedJob, error: unknown): BusError {
  if (error instanceof BusError) return error;
  const { code, path = '' } = error as NodeJS.ErrnoException;
  const isBelow = systemErrorCode(error) !== undefined && path.startsWith(`${job.folder}/`);
  if (!isBelow || isMachineFault(error)) throw error;
  return busError('ARTIFACT_UNREADABLE', `The daemon may not read ${path} (${code}).`);
}

/** Drop the facts about its files, because many jobs may wait there. */
const handOver = (beside: Beside, job: ClaimedJob): void => beside.add({ ...job, files: undefined });

/**
 * Returns the bytes of the artifacts, as far as they are known before a file is opened. One file
 * may appear under many ids, and counts for each.
 */
function knownBytes({ folder, files }: ClaimedJob, manifest: Manifest): number {
  const known = new Map<string, number>();
  for (const { relpath } of manifest.artifacts)
    if (!known.has(relpath))
      known.set(relpath, files === undefined ? sizeIn(folder, relpath) : (files.get(relpath)?.bytes ?? 0));
  return manifest.artifacts.reduce((sum, { relpath }) => sum + (known.get(relpath) ?? 0), 0);
}

/** Zero if unknown: the file's own check counts it, or says what is wrong. */
function sizeIn(folder: string, name: string): number {
  if (name.includes('/') || name.includes('\0')) return 0;
  try {
    return lstatSync(inFolder(folder, name)).size;
  } catch {
    return 0;
  }
}

/** Hands over a job with a slow file, and returns whether it did. */
function handOverSlow(
  bus: VerifyingBus,
  job: VerifiedJob,
  findings: ReadonlyMap<string, DecodeFinding | SlowFile>,
): boolean {
  const isSlow = job.artifacts.some(({ file }) => 'slow' in (findings.get(file) ?? {}));
  if (isSlow && bus.beside !== undefined) handOver(bus.beside, job);
  return isSlow;
}

function checkFolder(job: ClaimedJob): void {
  if (job.files !== undefined) return; // it is readable
  const info = lstatSync(job.folder);
  if (info.isSymbolicLink()) throw busError('UNSAFE_PATH', 'The job folder is a symbolic link.');
  if (!info.isDirectory()) throw busError('UNSAFE_PATH', 'The job is not a folder.');
}

/** Open without a stat: opening reports the same errors. */
function readManifestBytes(job: ClaimedJob): Uint8Array {
  const name = fileNames.manifest;
  try {
    return readSmallFile(inFolder(job.folder, name), maxManifestBytes);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') throw busError('MANIFEST_MISSING', 'The job has no manifest.json.');
    throw error;
  }
}

function checkManifestOf(job: ClaimedJob, manifest: Manifest): void {
  if (manifest.op !== undefined && isForOperators(manifest.op) && job.ours !== true)
    throw busError(
      'OPERATION_FORBIDDEN',
      `The job does not belong to the daemon's user alone, so its operation ${manifest.op.type} is refused.`,
    );
  if (manifest.job_id !== job.jobId)
    throw busError(
      'MANIFEST_INVALID',
      `The manifest's job_id is ${manifest.job_id}, the folder's name is ${job.jobId}.`,
      {
        details: ['job_id: must equal the name of the job folder'],
      },
    );
  for (const [index, artifact] of manifest.artifacts.entries()) {
    const problem = schemaHintProblem(artifact.schema_hint);
    if (problem !== undefined)
      throw busError('MANIFEST_INVALID', `The schema_hint ${artifact.schema_hint} names no table.`, {
        details: [`artifacts.${index}.schema_hint: ${problem}`],
      });
  }
}

const contentTimeoutMs = 300_000;

/**
 * A file whose rows cannot be read has no hash of rows. It is still verified, because no one has
 * asked for its rows.
 */
async function hashContents(bus: VerifyingBus, jobs: readonly CheckedJob[]): Promise<CheckedJob[]> {
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

function rejectUndecodable(
  { tables }: VerifyingBus,
  job: VerifiedJob,
  undecodable: ReadonlyMap<string, DecodeFinding | SlowFile>,
): CheckedJob {
  const bad = job.artifacts.find(artifact => undecodable.has(artifact.file));
  if (bad === undefined) return job;
  const { artifacts: _artifacts, ...rest } = job;
  const table = tables.nameOf(tables.tableOf(bad.entry.schema_hint) ?? '');
  return { ...rest, error: undecodableError(bad, table, undecodable.get(bad.file) as DecodeFinding) };
}

/** @param table the name that readers know. */
function undecodableError({ entry, key }: VerifiedArtifact, table: string, finding: DecodeFinding): BusError {
  const { relpath } = entry;
  if ('nulls' in finding) {
    const sentence = `${key} does not fit canon.${table}: ${finding.nulls.join('; ')}.`;
    return busError('SCHEMA_MISMATCH', sentence, { details: finding.nulls });
  }
  if ('unfaithful' in finding) {
    const sentence = `canon.${table} would not give back all values of ${key}: ${finding.unfaithful.join('; ')}.`;
    return busError('COLUMN_UNSUPPORTED', sentence, { details: finding.unfaithful });
  }
  if ('missing' in finding)
    return busError('ARTIFACT_MISSING', `${relpath} disappeared while it was read.`, { details: [finding.missing] });
  if ('unsupported' in finding)
    return busError('UNSUPPORTED_PARQUET', `${relpath} has a good footer, but the bus cannot read its rows.`, {
      details: [finding.unsupported],
    });
  if ('tooComplex' in finding)
    return busError(
      'TOO_COMPLEX',
      `Reading the rows of ${relpath} takes more time or memory than is allowed for its size.`,
      {
        details: [finding.tooComplex],
      },
    );
  return busError('NOT_PARQUET', `${relpath} has a good footer, but its rows cannot be read.`, {
    details: [finding.unreadable],
  });
}

import { randomBytes } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type BusLayout, fileNames, stagedMark } from '../bus-layout.js';
import { systemErrorCode } from '../errors.js';
import { faultPoint } from '../fault-point.js';
import { copyFileHashing } from '../files/copy.js';
import { type ContentDigest, digestFile, digestOf } from '../files/digest.js';
import { syncFiles, syncFolder } from '../files/flush.js';
import { tryLink } from '../files/names.js';
import { readSmallFile, smallFileBytes } from '../files/read-small.js';
import { writeNewFile } from '../files/write.js';
import { mustHaveRoom } from '../free-space.js';
import { type Manifest, parseManifest } from '../manifest.js';
import type { Operation } from '../operation.js';
import { type ParquetFooter, readFooterIn, readParquetFooter } from '../parquet/footer.js';
import {
  type ArtifactToSubmit,
  checkFile,
  checkRows,
  manifestEntry,
  manifestOf,
  manifestText,
  operationOf,
} from './describe-job.js';
import { dropGivenAway, type GivenAway, givenAwayAt } from './given-away.js';
import type { SubmitArtifactsOptions, Transfer } from './options.js';

/** A complete and flushed job in `staging/`. One rename submits it. */
export interface StagedJob {
  /** Absolute path below `staging/`. */
  folder: string;
  manifest: Manifest;
  manifestBytes: Uint8Array;
  /**
   * Files that are given away. They have a second link in the job, and their old names are removed
   * once the job is in the inbox.
   */
  givenAway: GivenAway[];
}

/**
 * Builds a job in `staging/`. It checks each file, copies or moves it while hashing, writes the
 * manifest, and flushes everything.
 *
 * @throws BusError `ARTIFACT_MISSING`, `ARTIFACT_UNREADABLE`, `NOT_PARQUET`, `UNSUPPORTED_PARQUET`,
 * `ROWS_MISMATCH`, `BYTES_MISMATCH`, `MANIFEST_INVALID`, `TOO_COMPLEX`, `TOO_LARGE`, `DISK_FULL`;
 * system errors as they come.
 */
export async function stageJob(layout: BusLayout, jobId: string, options: SubmitArtifactsOptions): Promise<StagedJob> {
  for (const artifact of options.artifacts) await checkFile(artifact);
  mustHaveRoom(layout.root, bytesToCopy(options));
  return inStaging(layout, jobId, async folder => {
    const givenAway: GivenAway[] = [];
    const artifacts: object[] = [];
    const names = new Set<string>();
    for (const artifact of options.artifacts) {
      const relpath = freeName(names, artifact, options.kind);
      const from = resolve(artifact.parquetPath);
      const to = join(folder, relpath);
      const transfer = artifact.transfer ?? options.transfer ?? 'copy';
      if (transfer === 'move') givenAway.push(givenAwayAt(from));
      const { digest, footer } = await bringIn(from, to, transfer);
      const rows = checkRows(artifact, footer);
      artifacts.push(manifestEntry(artifact, { relpath }, rows, digest));
      faultPoint('submit:copied');
    }
    return complete(folder, manifestText(manifestOf(jobId, options, artifacts)), { names: [...names], givenAway });
  });
}

/** Lets `work` build a job in a new folder, which is removed if that fails. */
async function inStaging(
  layout: BusLayout,
  jobId: string,
  work: (folder: string) => Promise<StagedJob>,
): Promise<StagedJob> {
  const folder = join(layout.staging, `${jobId}~${randomBytes(6).toString('hex')}`);
  mkdirSync(folder);
  try {
    return await work(folder);
  } catch (error) {
    await discardStaged(folder);
    throw error;
  }
}

/** Returns the bytes that staging will add to the disk: a file that is given away adds none. */
function bytesToCopy({ artifacts, transfer }: SubmitArtifactsOptions): number {
  const copied = artifacts.filter(artifact => (artifact.transfer ?? transfer ?? 'copy') === 'copy');
  return copied.reduce((sum, { parquetPath }) => sum + statSync(parquetPath).size, 0);
}

/**
 * Builds a job for an operation in `staging/`.
 *
 * @throws BusError `MANIFEST_INVALID`; system errors as they come.
 */
export const stageOperation = (layout: BusLayout, jobId: string, op: Operation): Promise<StagedJob> =>
  inStaging(layout, jobId, folder => complete(folder, manifestText(operationOf(jobId, op)), noFiles));

/**
 * Builds a job in `staging/` of files that another program has brought: each is given away.
 *
 * @param files the path of each file, by its name in the job.
 * @throws as {@link stageOperation}; `ENOENT` if a file is missing.
 */
export async function stageGiven(
  layout: BusLayout,
  manifestBytes: Uint8Array,
  files: ReadonlyMap<string, string>,
): Promise<StagedJob> {
  return inStaging(layout, parseManifest(manifestBytes).job_id, async folder => {
    const givenAway = [...new Set(files.values())].map(givenAwayAt);
    for (const [name, path] of files)
      if (!tryLink(path, join(folder, name))) await copyFileHashing(path, join(folder, name));
    return complete(folder, manifestBytes, { names: [...files.keys()], givenAway });
  });
}

/** The files of a job: their names in its folder, and the those that are given away. */
interface JobFiles {
  names: readonly string[];
  givenAway: GivenAway[];
}

const noFiles: JobFiles = { names: [], givenAway: [] };

/**
 * Completes the folder and flushes it. It does not flush the commit mark: if a power cut empties
 * it, the daemon copies the files instead of linking them.
 */
async function complete(folder: string, manifestBytes: Uint8Array, { names, givenAway }: JobFiles): Promise<StagedJob> {
  const manifest = parseManifest(manifestBytes);
  const manifestPath = join(folder, fileNames.manifest);
  writeNewFile(manifestPath, manifestBytes);
  faultPoint('submit:manifest-written');
  writeNewFile(join(folder, fileNames.commit), stagedMark);
  openToDaemon(folder, [...names, fileNames.manifest, fileNames.commit]);
  await syncFiles([...names.map(name => join(folder, name)), manifestPath, folder]);
  return { folder, manifest, manifestBytes, givenAway };
}

/**
 * Gives the job to the group if the bus belongs to another user and is shared by a group, whatever
 * the producer's umask. Otherwise the daemon could not move or read it.
 */
function openToDaemon(folder: string, names: readonly string[]): void {
  const { uid, mode } = statSync(dirname(folder));
  const isShared = uid !== process.getuid?.() && (mode & 0o020) !== 0;
  if (!isShared) return;
  chmodSync(folder, (statSync(folder).mode & 0o7777) | 0o070);
  for (const name of names)
    try {
      const path = join(folder, name);
      chmodSync(path, (statSync(path).mode & 0o7777) | 0o040);
    } catch {} // a moved file of another user keeps its mode
}

/** Removes a staged job that was not submitted. `quantbot-bus gc` removes the rest. */
export const discardStaged = (folder: string): Promise<void> =>
  rm(folder, { recursive: true, force: true }).catch(() => {});

/**
 * Renames a staged job into the inbox and flushes the inbox, which submits it. Returns false if a
 * job with that id is waiting there.
 */
export async function placeInInbox(job: StagedJob, target: string): Promise<boolean> {
  try {
    renameSync(job.folder, target);
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return false;
    throw error;
  }
  faultPoint('submit:renamed');
  // Drop the old names at once: the daemon links a file with one name instead of copying it.
  dropGivenAway(job.givenAway);
  await syncFolder(dirname(target));
  return true;
}

/** Returns the artifact's id as a file name, preceded by the kind if two kinds share an id. */
function freeName(taken: Set<string>, artifact: ArtifactToSubmit, jobKind: string): string {
  const plain = `${artifact.artifactId}.parquet`;
  const name = taken.has(plain) ? `${artifact.kind ?? jobKind}@${plain}` : plain;
  taken.add(name);
  return name;
}

/**
 * Hashes the job's own file and reads its footer: the original may have changed since the check.
 * Nothing is flushed yet.
 */
async function bringIn(
  from: string,
  to: string,
  transfer: Transfer,
): Promise<{ digest: ContentDigest; footer: ParquetFooter }> {
  // A given-away file keeps its old name until the job is in the inbox, so that a crash loses
  // nothing.
  const linked = transfer === 'move' && lstatSync(from).isFile() && tryLink(from, to);
  if (statSync(from).size > smallFileBytes) {
    const digest = linked ? await digestFile(to) : await copyFileHashing(from, to);
    return { digest, footer: await readParquetFooter(to) };
  }
  const content = readSmallFile(linked ? to : from, smallFileBytes, { followLinks: true });
  if (!linked) writeNewFile(to, content);
  return { digest: digestOf(content), footer: readFooterIn(content) };
}

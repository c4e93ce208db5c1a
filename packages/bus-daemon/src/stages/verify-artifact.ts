import { constants } from 'node:fs';
import { type FileHandle, lstat, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  busError,
  type ContentDigest,
  copyHandleDurable,
  digestHandle,
  fileNames,
  type Manifest,
  type ManifestArtifact,
  manifestArtifactKey,
  readFooterOf,
  storeRelPath,
  systemErrorCode,
} from '@quantbot/infra';
import type { Bus } from '../bus.js';
import type { ClaimedJob, VerifiedArtifact } from './job.js';

const ownNames = new Set<string>(Object.values(fileNames));

/**
 * Checks one artifact of a claimed job against its manifest. A file of a job that was not staged, or one that has other names, is copied
 * first, and the copy is what is checked and stored: a descriptor still open elsewhere could go on writing into the original.
 *
 * @throws BusError with the code of the rejection; system errors as they come.
 */
export async function verifyArtifact(
  bus: Bus,
  job: ClaimedJob,
  manifest: Manifest,
  index: number,
  staged: boolean,
): Promise<VerifiedArtifact> {
  const entry = manifest.artifacts[index] as ManifestArtifact;
  const original = await safePath(job, entry.relpath);
  const info = await lstat(original);
  if (info.size > bus.config.limits.maxArtifactBytes)
    throw busError(
      'TOO_LARGE',
      `${entry.relpath} has ${info.size} bytes; ${bus.config.limits.maxArtifactBytes} are allowed.`,
    );
  const ours = staged && info.nlink === 1;
  const file = ours ? original : join(job.folder, `.copy-${index}.parquet`);
  const copied = ours ? undefined : await copyAfresh(original, file, entry.relpath);
  const handle = await openRegular(file, entry.relpath);
  try {
    const footer = await readFooterOf(handle);
    const digest = copied ?? (await digestHandle(handle));
    checkAgainst(entry, digest, footer.rows);
    if (footer.columns.length > bus.config.limits.maxColumns)
      throw busError(
        'TOO_LARGE',
        `${entry.relpath} has ${footer.columns.length} columns; ${bus.config.limits.maxColumns} are allowed.`,
      );
    return {
      entry,
      key: manifestArtifactKey(manifest, entry),
      relPath: storeRelPath({
        producer: manifest.producer,
        kind: entry.kind ?? manifest.kind,
        runId: manifest.run_id,
        artifactId: entry.artifact_id,
      }),
      file,
      rows: footer.rows,
      ...digest,
      columns: footer.columns,
    };
  } finally {
    await handle.close();
  }
}

/** The absolute path of a relpath, every folder on the way being a real folder inside the job and the end a regular file. */
async function safePath(job: ClaimedJob, relpath: string): Promise<string> {
  const parts = relpath.split('/');
  const leadsOut = parts.some(part => part === '' || part === '.' || part === '..');
  if (leadsOut || relpath.includes('\0') || relpath.includes('\\'))
    throw busError(
      'UNSAFE_PATH',
      `The relpath ${JSON.stringify(relpath).slice(0, 200)} is not a plain path below the job folder.`,
    );
  if (parts.length === 1 && ownNames.has(relpath))
    throw busError('UNSAFE_PATH', `${relpath} is a name of the protocol's own.`);
  let path = job.folder;
  for (const [depth, part] of parts.entries()) {
    path = join(path, part);
    const info = await lstat(path).catch(error => {
      if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(systemErrorCode(error) ?? ''))
        throw busError('ARTIFACT_MISSING', `The job has no file ${relpath.slice(0, 200)}.`);
      throw error;
    });
    const isLast = depth === parts.length - 1;
    if (isLast ? !info.isFile() : !info.isDirectory())
      throw busError(
        'UNSAFE_PATH',
        `${parts.slice(0, depth + 1).join('/')} is not a regular ${isLast ? 'file' : 'folder'}.`,
      );
  }
  return path;
}

async function openRegular(path: string, relpath: string): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(error => {
    if (['ELOOP', 'ENXIO', 'EISDIR'].includes(systemErrorCode(error) ?? ''))
      throw busError('UNSAFE_PATH', `${relpath} is not a regular file.`);
    throw error;
  });
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw busError('UNSAFE_PATH', `${relpath} is not a regular file.`);
}

/** Copies from what is open, not from a path: whoever still holds the folder could put something else there meanwhile. */
async function copyAfresh(from: string, to: string, relpath: string): Promise<ContentDigest> {
  await rm(to, { force: true }); // of an attempt that a crash ended
  const source = await openRegular(from, relpath);
  try {
    return await copyHandleDurable(source, to);
  } finally {
    await source.close();
  }
}

function checkAgainst(entry: ManifestArtifact, { bytes, sha256 }: ContentDigest, rows: number): void {
  if (entry.bytes !== undefined && entry.bytes !== bytes)
    throw busError('BYTES_MISMATCH', `${entry.relpath} has ${bytes} bytes; the manifest says ${entry.bytes}.`);
  if (entry.sha256 !== undefined && entry.sha256 !== sha256)
    throw busError(
      'CHECKSUM_MISMATCH',
      `${entry.relpath} has the SHA-256 ${sha256}; the manifest says ${entry.sha256}.`,
    );
  if (entry.rows !== undefined && entry.rows !== rows)
    throw busError('ROWS_MISMATCH', `${entry.relpath} has ${rows} rows; the manifest says ${entry.rows}.`);
}

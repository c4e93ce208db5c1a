import { constants, lstatSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { canonTableOf } from '@quantbot/bus-format/canon';
import type { Manifest, ManifestArtifact, ParquetFooter } from '@quantbot/infra';
import {
  busError,
  footerBytesOf,
  manifestArtifactKey,
  readFooterIn,
  readFooterOf,
  storeRelPath,
} from '@quantbot/infra/bus';
import {
  type ContentDigest,
  digestHandle,
  digestOf,
  fileNames,
  inFolder,
  isNotRegular,
  readSmallFile,
  smallFileBytes,
  systemErrorCode,
} from '@quantbot/infra/files';
import type { VerifyingBus } from '../bus.js';
import { fileSchemaOf } from '../file-schema.js';
import { type FileInfo, fileInfo } from '../file-thread/look-into.js';
import type { ClaimedJob, VerifiedArtifact } from '../job.js';
import type { BringOver, BroughtFile } from './bring-over.js';
import { longFooterBytes, readLongFooter } from './long-footer.js';
import { refuseSparse } from './sparse.js';

/** Names of the protocol in a job's folder, which no artifact may have. */
const protocolFiles: ReadonlySet<string> = new Set<string>(Object.values(fileNames));

/**
 * Checks one artifact of a claimed job against its manifest. If another user may change the job's
 * folder, the daemon copies the file first, and checks and stores its own copy.
 *
 * @param options.before bytes of the artifacts that were checked before it.
 * @param options.read the job's files that were read before it, by relpath; this one is added.
 * @throws BusError with the code of the rejection; system errors as they come.
 */
export async function verifyArtifact(
  bus: VerifyingBus,
  job: ClaimedJob & { manifest: Manifest },
  index: number,
  {
    over,
    before,
    signal,
    read,
  }: {
    over: BringOver | undefined;
    before: number;
    signal: AbortSignal | undefined;
    read: Map<string, JobFile>;
  },
): Promise<VerifiedArtifact> {
  const { manifest } = job;
  const entry = manifest.artifacts[index] as ManifestArtifact;
  const parts = safeParts(entry.relpath);
  const check = ({ size }: { size: number }) => {
    checkSize(bus, entry.relpath, size);
    checkJobBytes(bus, before + size);
  };
  const known = read.get(entry.relpath);
  const file =
    known?.file ??
    (over === undefined
      ? ownFile(job, entry.relpath, parts)
      : await over.artifact(entry.relpath, { index, check, signal }));
  check({ size: file.bytes });
  const content = known?.content ?? (await contentOf(bus, file, { relpath: entry.relpath, signal }));
  read.set(entry.relpath, { file, content });
  const { footer, digest } = content;
  checkAgainst(entry, digest, footer.rows);
  if (footer.rowGroups > bus.config.limits.maxRowGroups)
    throw busError(
      'TOO_LARGE',
      `${entry.relpath} has ${footer.rowGroups} row groups; ${bus.config.limits.maxRowGroups} are allowed.`,
      { hint: 'Write fewer, larger row groups, or raise limits.max_row_groups.' },
    );
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
    file: file.path,
    inode: file.inode,
    rows: footer.rows,
    ...digest,
    columns: footer.columns,
    judged: new Map(),
    schema: canonTableOf(entry.schema_hint) === undefined ? undefined : fileSchemaOf(footer),
  };
}

interface Content {
  footer: ParquetFooter;
  digest: ContentDigest;
}

/** A file of a job. It is copied and read once, however many artifacts name it. */
export interface JobFile {
  file: BroughtFile;
  content: Content;
}

/** A buffer for small files. A new buffer for each costs more than the read. */
const scratch = Buffer.allocUnsafeSlow(smallFileBytes + 1);

async function contentOf(
  bus: VerifyingBus,
  { path, bytes, digest, footer }: BroughtFile,
  { relpath, signal }: { relpath: string; signal: AbortSignal | undefined },
): Promise<Content> {
  if (digest !== undefined && footer !== undefined) return { digest, footer };
  if (bytes <= smallFileBytes) return readSmall(path, relpath);
  return readLarge(bus, path, { relpath, copied: digest, signal });
}

/**
 * One read yields both footer and hash. The buffer is shared, so use its content before the next
 * read.
 */
function readSmall(path: string, relpath: string): Content {
  try {
    const content = readSmallFile(path, smallFileBytes, { into: scratch });
    return { footer: readFooterIn(content), digest: digestOf(content) };
  } catch (error) {
    throw isNotRegular(error) ? notRegular(relpath) : error;
  }
}

async function readLarge(
  bus: VerifyingBus,
  path: string,
  { relpath, copied, signal }: { relpath: string; copied: ContentDigest | undefined; signal: AbortSignal | undefined },
): Promise<Content> {
  const handle = await openRegular(path, relpath);
  try {
    const isLong = (await footerBytesOf(handle)) > longFooterBytes;
    if (copied === undefined) await refuseSparse(handle, relpath, bus.config.limits.maxSparseRatio);
    const footer = isLong ? await readLongFooter(bus, path, { relpath, signal }) : await readFooterOf(handle);
    return { footer, digest: copied ?? (await digestHandle(handle, { signal })) };
  } finally {
    await handle.close();
  }
}

/** @throws BusError `TOO_LARGE` if an artifact exceeds its limit. */
export function checkSize({ config }: VerifyingBus, relpath: string, bytes: number): void {
  if (bytes > config.limits.maxArtifactBytes)
    throw busError('TOO_LARGE', `${relpath} has ${bytes} bytes; ${config.limits.maxArtifactBytes} are allowed.`);
}

/** @throws BusError `TOO_LARGE` if the artifacts of one job exceed their limit together. */
export function checkJobBytes({ config }: VerifyingBus, bytes: number): void {
  const { maxJobBytes } = config.limits;
  if (bytes <= maxJobBytes) return;
  throw busError(
    'TOO_LARGE',
    `The artifacts of the job have at least ${bytes} bytes together; limits.max_job_bytes is ${maxJobBytes}.`,
    { hint: 'Split the job, name each file in one artifact, or raise limits.max_job_bytes.' },
  );
}

/** Returns the names on the path of a job's file, and refuses any that leads elsewhere. */
function safeParts(relpath: string): string[] {
  const parts = relpath.split('/');
  const leadsOut = parts.some(part => part === '' || part === '.' || part === '..');
  if (leadsOut || relpath.includes('\0') || relpath.includes('\\'))
    throw busError(
      'UNSAFE_PATH',
      `The relpath ${JSON.stringify(relpath).slice(0, 200)} is not a plain path below the job folder.`,
    );
  if (parts.length === 1 && protocolFiles.has(relpath))
    throw busError('UNSAFE_PATH', `${relpath} is a name that the protocol reserves.`);
  return parts;
}

/**
 * Finds a file in the daemon's own folder. Every folder on the path must be real, and the file
 * regular.
 */
function ownFile(job: ClaimedJob, relpath: string, parts: readonly string[]): BroughtFile {
  let path = job.folder;
  let info: FileInfo | undefined;
  for (const [depth, part] of parts.entries()) {
    path = inFolder(path, part);
    info = (parts.length === 1 ? job.files?.get(part) : undefined) ?? lstatOf(path);
    if (info === undefined) throw busError('ARTIFACT_MISSING', `The job has no file ${relpath.slice(0, 200)}.`);
    const isLast = depth === parts.length - 1;
    if (info.kind !== (isLast ? 'file' : 'folder'))
      throw busError(
        'UNSAFE_PATH',
        `${parts.slice(0, depth + 1).join('/')} is not a regular ${isLast ? 'file' : 'folder'}.`,
      );
  }
  const { inode, bytes } = info as FileInfo;
  return { path, inode, bytes };
}

function lstatOf(path: string): FileInfo | undefined {
  try {
    return fileInfo(lstatSync(path));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(systemErrorCode(error) ?? '')) return undefined;
    throw error;
  }
}

const notRegular = (relpath: string) => busError('UNSAFE_PATH', `${relpath} is not a regular file.`);

async function openRegular(path: string, relpath: string): Promise<FileHandle> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(path, flags).catch(error => {
    throw isNotRegular(error) ? notRegular(relpath) : error;
  });
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw notRegular(relpath);
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

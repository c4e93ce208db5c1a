import { realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isHttpRoot } from '@quantbot/infra/bus';
import { systemErrorCode } from '@quantbot/infra/files';
import { byCodeUnit } from '../by-code-unit.js';
import { storageError } from '../errors.js';
import { mustBeText } from '../options.js';

/**
 * What to read: a file, a folder (all `*.parquet` below it), a glob, each also as
 * `s3://bucket/key`, a `file:` URL, the URL of a golden export or an artifact on a daemon's server,
 * or several of these.
 */
export type ParquetSource = string | readonly string[];

/**
 * Returns the absolute paths of a source's files; those of a folder or glob in the order of their
 * names. The URL of a server stays itself. An existing path is that file or folder, whatever
 * characters it has. Otherwise the text is a glob. Names with a leading dot are skipped: unfinished
 * files have one.
 *
 * @throws StorageError `FILE_NOT_FOUND` for a part of the source that names no file;
 * `ARTIFACT_FORGOTTEN` for the file of a forgotten artifact.
 */
export async function findFiles(source: ParquetSource): Promise<string[]> {
  const sources = [source].flat().map(path => mustBeText(path, 'The path of a file'));
  if (sources.length === 0) throw storageError('FILE_NOT_FOUND', 'The list of files is empty.');
  return (await Promise.all(sources.map(findOne))).flat();
}

async function findOne(source: string): Promise<string[]> {
  if (source === '') throw storageError('FILE_NOT_FOUND', 'The path is empty.');
  if (isHttpRoot(source)) return [source];
  if (source.startsWith('file:/')) return findOne(pathOf(source));
  if (source.startsWith('s3://')) return (await import('./find-objects.js')).findObjects(source);
  const path = resolve(source);
  const kind = await kindOf(path);
  if (kind === 'file') return [path];
  // Resolve the link of a dataset, so that a dataset replaced meanwhile is read as it was.
  const found =
    kind === 'folder' ? await glob('**/*.parquet', await realpath(path)) : await glob(source, process.cwd());
  if (found.length > 0) return found;
  if (kind === 'folder') throw storageError('FILE_NOT_FOUND', `There is no Parquet file below the folder ${source}.`);
  const forgotten = await (await import('../catalog/forgotten-file.js')).forgottenFile(path);
  if (forgotten !== undefined) throw forgotten;
  throw (await globber()).isDynamicPattern(source)
    ? storageError('FILE_NOT_FOUND', `No file matches ${source}.`)
    : storageError('FILE_NOT_FOUND', `There is no file at ${source}.`);
}

/** @throws StorageError `OPTIONS_INVALID`. */
function pathOf(url: string): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw storageError('OPTIONS_INVALID', `${url} names no file of this machine. ${(cause as Error).message}.`, {
      cause,
      hint: 'Write file:///absolute/path, with each special character as %XX, or the plain path.',
    });
  }
}

/** Loaded only for sources that are not a file, because most are. */
const globber = async () => (await import('fast-glob')).default;

async function glob(pattern: string, cwd: string): Promise<string[]> {
  const names = await (await globber())(pattern, { cwd, onlyFiles: true, dot: false, unique: true });
  return names.sort(byCodeUnit).map(name => (name.startsWith('/') ? name : join(cwd, name)));
}

async function kindOf(path: string): Promise<'file' | 'folder' | undefined> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(systemErrorCode(cause) ?? '')) return undefined;
    throw storageError('READ_FAILED', `${path} cannot be accessed.`, { cause, details: [(cause as Error).message] });
  }
}

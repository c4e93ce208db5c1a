import type { Dirent } from 'node:fs';
import type { Bucket } from '@quantbot/infra/objects';
import type { FileSystemAdapter } from 'fast-glob';
import { byCodeUnit } from '../by-code-unit.js';
import { storageError } from '../errors.js';
import { bucketOf, placeOf, readError } from './s3-bucket.js';

/**
 * Returns the URLs of an `s3://` source: an object, a folder (all `*.parquet` below it) or a glob.
 * An object with exactly this key comes first. A key that ends in `.parquet` is an object, which
 * saves a request.
 *
 * @throws StorageError `FILE_NOT_FOUND`, `OPTIONS_INVALID`, `READ_FAILED`; BusError
 * `OBJECT_STORE_DENIED`, `OBJECT_CLIENT_MISSING`.
 */
export async function findObjects(url: string): Promise<string[]> {
  const { bucket, key } = placeOf(url);
  const urlOf = (name: string) => `s3://${bucket}/${name}`;
  const { isDynamicPattern } = (await import('fast-glob')).default;
  const isGlob = isDynamicPattern(key);
  if (!isGlob && key.endsWith('.parquet')) return [urlOf(key)];
  try {
    const objects = await bucketOf(url);
    const [first] = isGlob ? await objects.list(key, { limit: 1 }) : [];
    if (first?.key === key) return [urlOf(key)];
    const below = await namesBelow(objects, `${key}/`);
    const found = below.length === 0 && isGlob ? await glob(objects, key) : below.filter(isFileOfFolder(key));
    if (found.length > 0) return found.map(urlOf);
    if (isGlob) throw storageError('FILE_NOT_FOUND', `No file matches ${url}.`);
    if (below.length > 0) throw storageError('FILE_NOT_FOUND', `There is no Parquet file below the folder ${url}.`);
    return [urlOf(key)];
  } catch (error) {
    throw readError(url, error);
  }
}

const isFileOfFolder = (folder: string) => (name: string) =>
  name.endsWith('.parquet') && !/(^|\/)\./.test(name.slice(folder.length + 1));

async function namesBelow(objects: Bucket, prefix: string): Promise<string[]> {
  const listed = await objects.list(prefix, { limit: Number.POSITIVE_INFINITY });
  return listed.map(({ key }) => key).sort(byCodeUnit);
}

/** Matches a glob with the names of objects, as with those of files. */
async function glob(objects: Bucket, pattern: string): Promise<string[]> {
  const plain = pattern.slice(0, pattern.search(/[*?[\]{}()!@+\\]/));
  const names = await namesBelow(objects, plain.slice(0, plain.lastIndexOf('/') + 1));
  const { default: find } = await import('fast-glob');
  const found = await find(pattern, { cwd: '/', fs: asFiles(names), onlyFiles: true, dot: false, unique: true });
  return found.sort(byCodeUnit);
}

/** Names of objects as a file system that only a search for names reads. */
function asFiles(names: readonly string[]): Partial<FileSystemAdapter> {
  const folders = new Map<string, Map<string, boolean>>([['', new Map()]]);
  for (const name of names) {
    const parts = name.split('/');
    for (const [depth, part] of parts.entries()) {
      const folder = parts.slice(0, depth).join('/');
      const entries = folders.get(folder) ?? new Map<string, boolean>();
      entries.set(part, entries.get(part) === true || depth < parts.length - 1);
      folders.set(folder, entries);
    }
  }
  const entriesOf = (path: string) => [...(folders.get(path.replace(/^\/+|\/+$/g, '')) ?? [])].map(asEntry);
  const readdir = (path: string, _: unknown, done: (error: null, entries: Dirent[]) => void) =>
    done(null, entriesOf(path));
  return { readdir: readdir as FileSystemAdapter['readdir'] };
}

const asEntry = ([name, isFolder]: [string, boolean]): Dirent =>
  ({ name, isFile: () => !isFolder, isDirectory: () => isFolder, isSymbolicLink: () => false }) as Dirent;

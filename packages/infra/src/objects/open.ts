import { busError } from '../errors.js';
import { isObjectRoot } from '../object-root.js';
import { openFolder } from './file-objects.js';
import type { Bucket, Objects, S3Options } from './objects.js';

/**
 * Opens the object store at a URL: `s3://bucket/prefix`, or `file:///folder` for a folder that all
 * hosts share. Nothing is sent yet.
 *
 * @throws BusError `BUS_ROOT_INVALID`, `OBJECT_CLIENT_MISSING`. The calls throw `UNSAFE_PATH` for
 * keys that are not well formed, `CHECKSUM_MISMATCH`, `BYTES_MISMATCH`, `TOO_LARGE`,
 * `ARTIFACT_MISSING` (only `readRange`), `BUS_ROOT_NOT_FOUND` (no bucket),
 * `OBJECT_STORE_UNREACHABLE` (after retries for about ten seconds), `OBJECT_STORE_DENIED`,
 * `OBJECT_STORE_FAILED`; system errors as they come.
 */
export async function openObjects(url: string, options: S3Options = {}): Promise<Objects> {
  if (!isObjectRoot(url))
    throw busError('BUS_ROOT_INVALID', 'The root of an object store begins with s3:// or file://.');
  if (url.startsWith('file://')) return await openFolder(url);
  const { openS3 } = await import('./s3/s3-objects.js'); // most programs never need it
  return await openS3(url, options);
}

/**
 * Opens a bucket for reading, by keys that others may have chosen. Nothing is sent yet.
 *
 * @throws BusError as {@link openObjects}.
 */
export async function openBucket(name: string, options: S3Options = {}): Promise<Bucket> {
  const { openS3 } = await import('./s3/s3-objects.js');
  return await openS3(`s3://${name}`, options);
}

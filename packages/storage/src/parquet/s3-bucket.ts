import { BusError } from '@quantbot/infra';
import { type Bucket, openBucket, type S3Options } from '@quantbot/infra/objects';
import { clusterWith } from '../catalog/cluster-with.js';
import { type StorageError, storageError } from '../errors.js';

/** An `s3://` URL, taken apart. */
export interface S3Place {
  bucket: string;
  key: string;
}

/**
 * Takes an `s3://bucket/key` URL apart. The key is as S3 has it, not encoded.
 *
 * @throws StorageError `OPTIONS_INVALID`.
 */
export function placeOf(url: string): S3Place {
  const [, bucket, key] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/(.*?)\/*$/s.exec(url) ?? [];
  const isPlain = key?.split('/').every(part => part !== '' && part !== '.' && part !== '..');
  if (bucket === undefined || !key || !isPlain || Buffer.byteLength(key) > 1024)
    // Never repeat it: it may contain a secret.
    throw storageError('OPTIONS_INVALID', 'A URL of an object is not of the form s3://bucket/key.', {
      hint: 'Name a bucket and a key. Credentials belong in the environment, not in the URL.',
    });
  return { bucket, key };
}

/**
 * Opens the bucket of a URL. By default, it has the settings of the cluster that `bus_config.json`
 * describes, if the URL is below its object store. Otherwise the environment has the settings.
 */
export async function bucketOf(url: string, s3?: S3Options): Promise<Bucket> {
  const { bucket } = placeOf(url);
  return openBucket(bucket, s3 ?? clusterWith(url)?.s3);
}

/** Returns the error of an object store as one of reading. A refusal of credentials stays. */
export function readError(url: string, error: unknown): unknown {
  if (!(error instanceof BusError)) return error;
  const { code, message, hint } = error;
  if (code === 'BUS_ROOT_NOT_FOUND')
    return storageError('FILE_NOT_FOUND', `There is no file at ${url}: the bucket does not exist.`, { cause: error });
  if (code === 'OBJECT_STORE_UNREACHABLE' || code === 'OBJECT_STORE_FAILED')
    return storageError('READ_FAILED', `${url} cannot be read. ${message}`, { cause: error, hint });
  return error;
}

/** Returns the error of an object that is not there. */
export async function missingError(url: string): Promise<StorageError> {
  const { forgottenObject } = await import('../catalog/forgotten-file.js');
  return (await forgottenObject(url)) ?? storageError('FILE_NOT_FOUND', `There is no file at ${url}.`);
}

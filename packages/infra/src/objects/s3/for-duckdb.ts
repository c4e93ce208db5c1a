import type { S3Options } from '../objects.js';
import { s3Settings } from './settings.js';

/** What another S3 client needs to reach the bucket of a bus. */
export interface S3Access {
  keyId: string;
  secret: string;
  sessionToken: string | undefined;
  /** Host and port. */
  endpoint: string;
  region: string;
  pathStyle: boolean;
  ssl: boolean;
}

/**
 * Returns the settings with which DuckDB reaches the same bucket as `openObjects`, with the same
 * credentials.
 *
 * @throws BusError as `openObjects`, and `OBJECT_STORE_DENIED` if there are no credentials.
 */
export async function s3Access(url: string, options: S3Options): Promise<S3Access> {
  const { host, basePath, bucket, region, protocol, credentials } = s3Settings(url, options);
  const { accessKeyId, secretAccessKey, sessionToken } = await credentials();
  const pathStyle = basePath.endsWith(`/${bucket}`);
  return {
    keyId: accessKeyId,
    secret: secretAccessKey,
    sessionToken: sessionToken ?? undefined,
    endpoint: pathStyle ? host : host.slice(bucket.length + 1),
    region,
    pathStyle,
    ssl: protocol === 'https:',
  };
}

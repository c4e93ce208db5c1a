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
 * Returns a function that gives the settings with which DuckDB reaches the same bucket as
 * `openObjects`, with credentials that are valid for the next minutes. With `renew`, it looks for
 * new credentials in any case.
 *
 * @throws BusError as `openObjects`. The function throws `OBJECT_STORE_DENIED` if there are no
 * credentials.
 */
export function s3Access(url: string, options: S3Options): (renew?: boolean) => Promise<S3Access> {
  const { host, basePath, bucket, region, protocol, credentials } = s3Settings(url, options);
  const pathStyle = basePath.endsWith(`/${bucket}`);
  return async renew => {
    const { accessKeyId, secretAccessKey, sessionToken } = await credentials(renew);
    return {
      keyId: accessKeyId,
      secret: secretAccessKey,
      sessionToken: sessionToken ?? undefined,
      endpoint: pathStyle ? host : host.slice(bucket.length + 1),
      region,
      pathStyle,
      ssl: protocol === 'https:',
    };
  };
}

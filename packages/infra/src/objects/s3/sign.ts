import { busError } from '../../errors.js';

/** A key of an S3 account. */
export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
  /** When to ask for new ones. */
  expiration?: Date | undefined;
}

/** Signs requests, version 4. */
export type Signer = (request: Unsigned, credentials: Credentials, region: string, now: Date) => Signed;

/** A request before its signature. */
export interface Unsigned {
  method: string;
  /** Encoded by {@link encodePath}. */
  path: string;
  query: Readonly<Record<string, string>>;
  /** Names in lower case. `host` is among them. */
  headers: Readonly<Record<string, string>>;
  /** SHA-256 of the body, 64 hex digits. */
  bodySha256: string;
}

/** A request that may be sent. */
export interface Signed {
  /** Path and query. */
  target: string;
  headers: Record<string, string>;
}

/**
 * Loads the package that signs.
 *
 * @throws BusError `OBJECT_CLIENT_MISSING`.
 */
export async function loadSigner(): Promise<Signer> {
  const { default: aws4 } = await import('aws4').catch(cause => {
    throw busError('OBJECT_CLIENT_MISSING', 'The package aws4, which signs requests to S3, is not installed.', {
      cause,
    });
  });
  return ({ method, path, query, headers, bodySha256 }, credentials, region, now) => {
    const search = queryText(query);
    const signed = aws4.sign(
      {
        service: 's3',
        region,
        method,
        path: search === '' ? path : `${path}?${search}`,
        headers: {
          ...headers,
          'x-amz-date': now.toISOString().replace(/[-:]|\.\d{3}/g, ''),
          'x-amz-content-sha256': bodySha256,
        },
        extraHeadersToInclude: { range: true },
      },
      credentials,
    );
    return { target: signed.path, headers: signed.headers };
  };
}

/** Percent-encodes all but letters, digits and `-._~`. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

/** Encodes a path, but not its slashes. */
export const encodePath = (path: string): string => path.split('/').map(encode).join('/');

/** Returns the text of a query. */
const queryText = (query: Readonly<Record<string, string>>): string =>
  Object.keys(query)
    .map(name => `${encode(name)}=${encode(query[name] ?? '')}`)
    .join('&');

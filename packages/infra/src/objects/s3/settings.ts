import { checkedRoot } from '../../config/config.js';
import { busError } from '../../errors.js';
import { checkKey } from '../keys.js';
import type { S3Options } from '../objects.js';
import { type CredentialSource, credentialSource, readProfile } from './credentials.js';

/** Where the objects of a bus are, and how to reach them. */
export interface S3Settings {
  bucket: string;
  /** Without a slash at its end; empty for the whole bucket. */
  prefix: string;
  protocol: 'http:' | 'https:';
  /** Name and port, as in the Host header. */
  host: string;
  hostname: string;
  port: number | undefined;
  /** The encoded path of the bucket: empty, or `/bucket`. */
  basePath: string;
  region: string;
  credentials: CredentialSource;
}

/**
 * Reads an `s3://bucket/prefix` URL and finds the settings that the options leave open.
 *
 * @throws BusError `BUS_ROOT_INVALID`.
 */
export function s3Settings(
  url: string,
  options: S3Options,
  env: Record<string, string | undefined> = process.env,
): S3Settings {
  const { bucket, prefix } = parseS3Url(url);
  const profile = readProfile(env);
  const region = options.region || env.AWS_REGION || env.AWS_DEFAULT_REGION || profile.region || 'us-east-1';
  const endpoint = options.endpoint || env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL || profile.endpoint_url;
  const server = parseEndpoint(endpoint || amazonOf(region));
  // A certificate for *.s3.amazonaws.com does not cover a bucket whose name has dots.
  const pathStyle = options.pathStyle ?? (Boolean(endpoint) || bucket.includes('.'));
  const hostname = pathStyle ? server.hostname : `${bucket}.${server.hostname}`;
  const folder = server.pathname.replace(/\/+$/, '');
  return {
    bucket,
    prefix,
    protocol: server.protocol as S3Settings['protocol'],
    hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
    host: server.port === '' ? hostname : `${hostname}:${server.port}`,
    port: server.port === '' ? undefined : Number(server.port),
    basePath: pathStyle ? `${folder}/${bucket}` : folder,
    region,
    credentials: credentialSource(env),
  };
}

const amazonOf = (region: string): string =>
  `https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;

/** Splits the URL. Never print it whole: it may contain a secret. */
function parseS3Url(url: string): { bucket: string; prefix: string } {
  const [, bucket, prefix] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*?))?\/*$/s.exec(url) ?? [];
  if (bucket === undefined)
    throw busError('BUS_ROOT_INVALID', 'The root of the bus is not of the form s3://bucket/prefix.', {
      hint: 'Name a bucket and a prefix. Credentials belong in the environment, not in the URL.',
    });
  if (prefix) checkKey(checkedRoot(prefix, 'the prefix of the bus'));
  return { bucket, prefix: prefix ?? '' };
}

function parseEndpoint(endpoint: string): URL {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.username || url.password || url.search)
    throw busError('BUS_ROOT_INVALID', 'The endpoint of the object store is not a URL of the form https://host:port.', {
      hint: 'Correct AWS_ENDPOINT_URL_S3 or the option endpoint. Credentials belong in the environment, not in the URL.',
    });
  return url;
}

import { type BusError, busError } from '../../errors.js';
import { visible } from '../../visible.js';
import type { Answer } from './exchange.js';
import { textOf } from './xml.js';

/** An answer other than success. */
export interface Refusal {
  status: number;
  /** S3's own code, such as `SlowDown`; empty if there is none (HEAD has no body). */
  code: string;
  message: string;
  /** The region of the bucket, if the server names it. */
  region: string | undefined;
}

/**
 * Reads the code, message and region of an answer. It ignores everything else, because some servers
 * echo the signed request.
 */
export function refusalOf({ status, headers, body }: Answer): Refusal {
  const xml = body.toString('utf8');
  const region = headers['x-amz-bucket-region'];
  return {
    status,
    code: visible(textOf(xml, 'Code') ?? '').slice(0, 100),
    message: visible(textOf(xml, 'Message') ?? '').slice(0, 300),
    region: typeof region === 'string' ? visible(region).slice(0, 50) : undefined,
  };
}

const passingStatuses = new Set([408, 429, 500, 502, 503, 504]);
const passingCodes = new Set([
  'ConditionalRequestConflict',
  'InternalError',
  'OperationAborted',
  'RequestTimeout',
  'ServiceUnavailable',
  'SlowDown',
]);

/** Whether the same request may succeed a moment later. */
export const isPassing = ({ status, code }: Pick<Refusal, 'status' | 'code'>): boolean =>
  passingStatuses.has(status) || passingCodes.has(code);

/** Whether a failure without an answer lies in the connection, and may pass. */
export function isConnectionFailure(error: unknown): boolean {
  const code = String((error as { code?: unknown }).code);
  if (code === 'ERR_STREAM_PREMATURE_CLOSE' || code.startsWith('HPE_')) return true;
  return /^E[A-Z_]+$/.test(code) && !code.startsWith('ERR_') && !isOfLocalFile(error);
}

const ofConnections = ['ECONNABORTED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT'];

/** Whether a local file failed: sockets have some of the same system calls, but other codes. */
export function isOfLocalFile(error: unknown): boolean {
  const { code, syscall } = error as { code?: unknown; syscall?: unknown };
  return ['open', 'read', 'write', 'stat'].includes(String(syscall)) && !ofConnections.includes(String(code));
}

const denials = new Set([
  'AccessDenied',
  'ExpiredToken',
  'InvalidAccessKeyId',
  'InvalidToken',
  'SignatureDoesNotMatch',
]);
const wrongContents = new Set([
  'BadDigest',
  'InvalidDigest',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
]);

/** Returns the error of a refusal. `what` was asked of `where`. */
export function refused(refusal: Refusal, what: string, where: string): BusError {
  const { status, code, message, region } = refusal;
  const said = `${code || `status ${status}`}${message && `: ${message.replace(/\.$/, '')}`}`;
  const sentence = `The object store at ${where} refused to ${what} (${said}).`;
  if (code === 'NoSuchBucket')
    return busError('BUS_ROOT_NOT_FOUND', sentence, { hint: 'Create the bucket, or correct the root of the bus.' });
  if (region !== undefined && (status === 301 || code === 'AuthorizationHeaderMalformed'))
    return busError('OBJECT_STORE_DENIED', sentence, { hint: `Set AWS_REGION to ${region}, where the bucket is.` });
  if (wrongContents.has(code)) return busError('CHECKSUM_MISMATCH', sentence);
  if (isPassing(refusal)) return busError('OBJECT_STORE_UNREACHABLE', sentence);
  if (denials.has(code) || status === 401 || status === 403) return busError('OBJECT_STORE_DENIED', sentence);
  return busError('OBJECT_STORE_FAILED', sentence);
}

/** Returns the error of a store that does not answer. */
export const unreachable = (cause: unknown, where: string): BusError =>
  busError('OBJECT_STORE_UNREACHABLE', `The object store at ${where} does not answer: ${(cause as Error).message}.`, {
    cause,
  });

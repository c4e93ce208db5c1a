import { setTimeout as sleep } from 'node:timers/promises';
import { waitAfter } from '../backoff.js';
import { busError, rejectCodes, submitCodes } from '../errors.js';
import { silence } from './silence.js';
import { submitFailed } from './submit-failed.js';

/** How long the server may take for an answer. The last one may flush gigabytes. */
const usualAnswerMs = 300_000;
/** Attempts of a request, and the waits between them. */
const maxAttempts = 7;
const backoff = { firstMs: 200, maxMs: 5_000 };

/** An error that the server has answered with. */
export class ServerError extends Error {
  readonly code: string;
  readonly status: number;
  readonly hint: string;
  readonly details: readonly string[];

  constructor(status: number, { code, message, hint, details }: ErrorBody) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
    this.details = details;
  }
}

interface ErrorBody {
  code: string;
  message: string;
  hint: string;
  details: readonly string[];
}

/** A request to the server of a daemon. */
export interface ServerRequest {
  method: string;
  /** Below the root, with a leading slash. */
  path: string;
  headers?: Record<string, string>;
  body?: Uint8Array<ArrayBuffer>;
  /** How long the whole answer may take (milliseconds), by default five minutes. */
  answerMs?: number;
  /** Ends the request. */
  signal?: AbortSignal | undefined;
}

/**
 * Sends a request once. The token is that of `QUANTBOT_BUS_TOKEN`.
 *
 * @throws ServerError for an answer that is an error; whatever `fetch` throws without an answer.
 */
export async function askServer(
  root: string,
  { method, path, headers = {}, body, signal, answerMs = usualAnswerMs }: ServerRequest,
): Promise<Response> {
  const token = process.env.QUANTBOT_BUS_TOKEN;
  const answer = await fetch(`${root.replace(/\/+$/, '')}${path}`, {
    method,
    headers: { ...headers, ...(token && { Authorization: `Bearer ${token}` }) },
    redirect: 'error', // another server must not get the token
    signal:
      signal === undefined ? AbortSignal.timeout(answerMs) : AbortSignal.any([signal, AbortSignal.timeout(answerMs)]),
    ...(body !== undefined && { body }),
  });
  if (answer.ok) return answer;
  throw new ServerError(answer.status, errorIn(await answer.text()) ?? unknownError(root, answer.status));
}

function errorIn(text: string): ErrorBody | undefined {
  try {
    const { code, message, hint, details } = (JSON.parse(text) as { error: Record<string, unknown> }).error;
    if (typeof code !== 'string' || typeof message !== 'string') return undefined;
    return { code, message, hint: String(hint ?? ''), details: Array.isArray(details) ? details.map(String) : [] };
  } catch {
    return undefined; // not an answer of the daemon
  }
}

const unknownError = (root: string, status: number): ErrorBody => ({
  code: 'HTTP_FAILED',
  message: `${root} answered with the status ${status}.`,
  hint: 'Check that the address is that of the server of a daemon.',
  details: [],
});

/** Whether a request got no answer. */
const isUnanswered = (error: unknown): error is Error =>
  error instanceof TypeError || (error instanceof DOMException && error.name === 'TimeoutError');

const passingCodes = ['UPLOAD_BUSY', 'UPLOAD_OFFSET'];
/** 408: the server's disk was busy for longer than a request may take. It keeps what it has. */
const passingStatuses = [408, 502, 503, 504];

/** Whether to send a request again: the server did not answer, or asks to wait. */
const isPassing = (error: unknown): boolean =>
  error instanceof ServerError
    ? passingStatuses.includes(error.status) || passingCodes.includes(error.code)
    : isUnanswered(error);

/** How to repeat work. */
export interface RetryOptions {
  /** Returns how far the work has come: progress starts the attempts anew. */
  progress?: () => number;
  /** Gives up a server that is silent for this long after a failure (milliseconds). */
  silentMs?: number;
  /** Ends the attempts; the signal's reason is then thrown. */
  signal?: AbortSignal | undefined;
}

/** Runs work that can be repeated, a few times while the server is not reachable or busy. */
export async function withRetries<T>(
  work: () => Promise<T>,
  { progress = () => 0, silentMs = Number.POSITIVE_INFINITY, signal }: RetryOptions = {},
): Promise<T> {
  let reached = progress();
  let since: number | undefined;
  for (let failures = 1; ; failures++)
    try {
      signal?.throwIfAborted();
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      if (!isPassing(error)) throw error;
      if (progress() > reached) [failures, since] = [1, undefined];
      reached = progress();
      since ??= performance.now();
      const wait = waitAfter(backoff, failures);
      const isSilent = isUnanswered(error) && performance.now() - since + wait > silentMs;
      if (failures >= maxAttempts || isSilent) throw error;
      await pause(wait, signal);
    }
}

/** Waits, or until the signal aborts; then throws its reason. */
async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(error => {
    throw signal?.reason ?? error;
  });
}

const notSent = 'Check the network, and that the daemon serves HTTP at this address. Nothing was submitted.';

/**
 * Returns the error of a submission for whatever a request has failed with.
 *
 * @param unanswered what to do if no answer has come.
 */
export function asBusError(root: string, error: unknown, unanswered = notSent): unknown {
  if (isUnanswered(error)) {
    return submitFailed(new Error(silence(root, error), { cause: error }), unanswered);
  }
  if (!(error instanceof ServerError)) return error;
  const { code, message, hint, details, status } = error;
  if (status === 401 || status === 403) return busError('BUS_DENIED', message, { details });
  if (isBusCode(code)) return busError(code, message, { hint, details });
  return submitFailed(error, `${hint} Nothing was submitted.`);
}

const isBusCode = (code: string): code is keyof typeof rejectCodes | keyof typeof submitCodes =>
  Object.hasOwn(rejectCodes, code) || Object.hasOwn(submitCodes, code);

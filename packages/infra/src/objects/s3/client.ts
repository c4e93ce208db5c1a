import { hash } from 'node:crypto';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Backoff, waitAfter } from '../../backoff.js';
import { BusError, busError } from '../../errors.js';
import {
  isConnectionFailure,
  isOfLocalFile,
  isPassing,
  type Refusal,
  refusalOf,
  refused,
  unreachable,
} from './errors.js';
import { type Answer, type Body, bodyHeaders, openExchange, ShortFileError } from './exchange.js';
import type { S3Settings } from './settings.js';
import { encodePath, loadSigner } from './sign.js';

/** One call of S3's API. */
export interface Call {
  method: 'GET' | 'PUT' | 'HEAD' | 'POST' | 'DELETE';
  /** What it does, for errors: "read KEY". */
  what: string;
  /** The whole key in the bucket; absent for the bucket itself. */
  key?: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: Body;
  /** SHA-256 of the body, 64 hex digits; required for a file. */
  sha256?: string;
  /** The largest content to take into memory. */
  maxBytes?: number;
  /** Creates where the content goes; called again for each attempt. */
  sink?: () => Writable;
  /**
   * Called after the connection broke. A server that refuses a large body may close the connection
   * before its answer can be read. The result of this call then replaces that answer.
   */
  instead?: () => Promise<Answer | undefined>;
  /** Statuses that are an answer, besides 2xx. */
  accept?: readonly number[];
  /** Finds the error in a 2xx answer that contains one. */
  problemIn?: (answer: Answer) => Refusal | undefined;
}

/** Makes a call, with retries, until the server has decided it. */
export type S3Client = (call: Call) => Promise<Answer>;

/** 0.1 + 0.2 + 0.4 + … s, ten seconds in all: a server that restarts is back by then. */
const attempts = 9;
const backoff: Backoff = { firstMs: 100, maxMs: 2500 };
/** No attempt begins later than this after the first. */
const patienceMs = 60_000;

const emptySha256 = hash('sha256', '');
const maxAnswerBytes = 16 * 1024 * 1024;

/** Opens a client of one bucket. @throws BusError `OBJECT_CLIENT_MISSING`. */
export async function openClient(settings: S3Settings): Promise<S3Client> {
  const sign = await loadSigner();
  const exchange = openExchange(settings);
  const where = `${settings.protocol}//${settings.host}`;
  let skewMs = 0;

  const attempt = async (call: Call, renew: boolean): Promise<Answer> => {
    const { body, query = {} } = call;
    const path = `${settings.basePath}/${call.key === undefined ? '' : encodePath(call.key)}`;
    const bodySha256 = call.sha256 ?? (body instanceof Uint8Array ? hash('sha256', body) : emptySha256);
    const unsigned = {
      method: call.method,
      path,
      query,
      headers: { host: settings.host, ...call.headers },
      bodySha256,
    };
    const credentials = await settings.credentials(renew);
    const { target, headers } = sign(unsigned, credentials, settings.region, new Date(Date.now() + skewMs));
    return await exchange({
      method: call.method,
      target,
      headers: { ...headers, ...bodyHeaders(body) },
      body,
      maxBytes: call.maxBytes ?? maxAnswerBytes,
      sink: call.sink,
    });
  };

  return async call => {
    const started = performance.now();
    let renewed = false;
    for (let count = 1; ; count++) {
      const isLast = count >= attempts || performance.now() - started > patienceMs;
      let refusal: Refusal | undefined;
      try {
        const answer = await attempt(call, renewed);
        const isSuccess = (answer.status >= 200 && answer.status < 300) || call.accept?.includes(answer.status);
        refusal = isSuccess ? call.problemIn?.(answer) : refusalOf(answer);
        if (refusal === undefined) return answer;
        if (!renewed && mayBeCured(refusal)) {
          skewMs = Date.parse(String(answer.headers.date)) - Date.now() || 0; // NaN: no Date, no correction
          renewed = true;
          continue;
        }
      } catch (error) {
        if (error instanceof ShortFileError)
          throw busError('BYTES_MISMATCH', `${error.message}: it changed while it was sent.`, { cause: error });
        if (error instanceof BusError || isOfLocalFile(error)) throw error;
        if (!isConnectionFailure(error)) throw unreachable(error, where);
        const instead = await call.instead?.();
        if (instead !== undefined) return instead;
        if (isLast) throw unreachable(error, where);
      }
      if (refusal !== undefined && (isLast || !isPassing(refusal))) throw refused(refusal, call.what, where);
      await sleep(waitAfter(backoff, count) * (0.5 + Math.random() / 2));
    }
  };
}

/** Whether the same request may succeed with newer credentials or with the server's clock. */
const mayBeCured = ({ code }: Refusal): boolean =>
  ['ExpiredToken', 'RequestTimeTooSkewed', 'InvalidToken'].includes(code);

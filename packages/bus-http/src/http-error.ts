import { type DaemonCode, daemonError } from '@quantbot/bus-format';
import { CodedError } from '@quantbot/infra';
import type { ContentfulStatusCode } from 'hono/utils/http-status';

/**
 * The HTTP status of each code. Any other coded error is the request's fault (400), and any other
 * error is the server's (500).
 */
const statuses: Record<string, ContentfulStatusCode> = {
  HTTP_HOST_REFUSED: 421,
  HTTP_ORIGIN_REFUSED: 403,
  HTTP_UNAUTHORIZED: 401,
  HTTP_FORBIDDEN: 403,
  OPERATION_FORBIDDEN: 403,
  UPLOAD_BUSY: 409,
  UPLOAD_OFFSET: 409,
  UPLOAD_MISSING: 409,
  UPLOAD_LIMIT: 429,
  JOB_ID_IN_USE: 409,
  TOO_LARGE: 413,
  DISK_FULL: 507,
  HTTP_NOT_FOUND: 404,
  HTTP_TOO_LARGE: 413,
  ANSWER_TOO_LARGE: 413,
  HTTP_BUSY: 503,
  HTTP_FILE_CHANGED: 412,
  HTTP_RANGE_INVALID: 416,
  FILE_DAMAGED: 500,
  JOB_NOT_FOUND: 404,
  ARTIFACT_NOT_FOUND: 404,
  ARTIFACT_FORGOTTEN: 404,
  TABLE_NOT_FOUND: 404,
  JOB_ID_WAITING: 409,
  CLOSED_BY_OTHERS: 409,
  QUERY_TIMEOUT: 408,
  DATABASE_NOT_FOUND: 503,
  LAKE_UNREACHABLE: 503,
  POSTGRES_UNREACHABLE: 503,
  OBJECT_STORE_UNREACHABLE: 503,
  OBJECT_STORE_DENIED: 503,
  OBJECT_STORE_FAILED: 503,
  WORKER_DIED: 503,
  WORKER_CRASHED: 503,
  WORKER_KILLED: 503,
  WORKER_MEMORY: 503,
  WORKER_TIMEOUT: 503,
};

/** The body of every error response. */
export interface ErrorBody {
  error: { code: string; message: string; hint: string; details: string[] };
}

/** Returns the response to an error. It reveals no internals of an unexpected error. */
export function answerOf(error: unknown): { status: ContentfulStatusCode; body: ErrorBody } {
  if (!(error instanceof CodedError))
    return {
      status: 500,
      body: {
        error: { code: 'HTTP_FAILED', message: 'The server failed.', hint: 'See the log of the daemon.', details: [] },
      },
    };
  const { code, message, hint, details } = error as CodedError<string>;
  return { status: statuses[code] ?? 400, body: { error: { code, message, hint, details: [...details] } } };
}

/** @throws always. */
export function refuse(code: DaemonCode, message: string, details?: readonly string[]): never {
  throw daemonError(code, message, { details });
}

import { daemonError } from '@quantbot/bus-format';

/**
 * Runs a query, and ends it after some time, or when it is cancelled.
 *
 * @throws DaemonError `QUERY_TIMEOUT`; whatever the query throws, or the reason of `cancelled`.
 */
export async function withTimeLimit<T>(
  timeoutMs: number,
  cancelled: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    return await run(AbortSignal.any([timeout, cancelled]));
  } catch (error) {
    if (cancelled.aborted || !timeout.aborted) throw error;
    throw daemonError('QUERY_TIMEOUT', `The query did not finish within ${timeoutMs / 1000} s.`, { cause: error });
  }
}

import { daemonError } from '@quantbot/bus-format';

/**
 * Runs a query, and ends it after some time.
 *
 * @throws DaemonError `QUERY_TIMEOUT`; whatever the query throws.
 */
export async function withTimeLimit<T>(timeoutMs: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    return await run(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw daemonError('QUERY_TIMEOUT', `The query did not finish within ${timeoutMs / 1000} s.`, { cause: error });
  }
}

import { useEffect, useState } from 'preact/hooks';
import { ApiError } from './client.js';
import { type Topic, useLive } from './live.js';

/**
 * The state of a request: loading, loaded or failed. The last answer stays while a new one loads.
 */
export interface Asked<T> {
  data: T | undefined;
  error: ApiError | undefined;
}

/**
 * Sends the request when the page opens, when one of `keys` changes, and when data that it depends
 * on changes.
 *
 * @param keys everything that the request depends on.
 */
export function useAsked<T>(
  question: (signal: AbortSignal) => Promise<T>,
  keys: readonly unknown[],
  topic?: Topic,
): Asked<T> {
  const { changes } = useLive();
  const [asked, setAsked] = useState<Asked<T> & { of: string }>({ data: undefined, error: undefined, of: '' });
  const of = JSON.stringify(keys);
  useEffect(() => {
    const end = new AbortController();
    question(end.signal).then(
      data => {
        if (!end.signal.aborted) setAsked({ data, error: undefined, of });
      },
      error => {
        if (end.signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        setAsked(before => ({ data: before.of === of ? before.data : undefined, error, of }));
      },
    );
    return () => end.abort();
  }, [of, topic === undefined ? 0 : changes[topic]]);
  return asked.of === of ? asked : { data: undefined, error: undefined };
}

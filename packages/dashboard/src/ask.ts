import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, get } from './client.js';
import { type Topic, useLive } from './live.js';
import type { Filters } from './route.js';

/**
 * The state of a request: loading, loaded or failed. The last answer stays while a new one loads.
 */
export interface Asked<T> {
  data: T | undefined;
  error: ApiError | undefined;
  /** Of {@link useKept}: whether the answer is the one before, because the new one loads. */
  isOld?: boolean;
}

/** A request that got no answer, or came to a busy daemon, is sent again after this time. */
const againMs = 3_000;
const isForNow = (error: ApiError | undefined): boolean => ['UNREACHABLE', 'HTTP_BUSY'].includes(error?.code ?? '');

/**
 * Sends the request when the page opens, when one of `keys` changes, when data that it depends on
 * changes, and again if it got no answer or the daemon was busy.
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
  const [times, setTimes] = useState(0);
  const of = JSON.stringify(keys);
  useEffect(() => {
    if (!isForNow(asked.error)) return;
    const timer = setTimeout(() => setTimes(before => before + 1), againMs);
    return () => clearTimeout(timer);
  }, [asked]);
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
  }, [of, times, topic === undefined ? 0 : changes[topic]]);
  return asked.of === of ? asked : { data: undefined, error: undefined };
}

/**
 * Keeps the answer before until the new one is there, so that the window never empties itself. The
 * page must take from the answer what it says about it: the address may already be another.
 */
export function useKept<T>(asked: Asked<T>): Asked<T> {
  const last = useRef(asked.data);
  if (asked.data !== undefined) last.current = asked.data;
  const isOld = asked.data === undefined && asked.error === undefined;
  return { ...asked, isOld, data: isOld ? last.current : asked.data };
}

/**
 * {@link useAsked} for a page of a list, which stays until the next one is there. `given` in the
 * answer are the filters that it answers.
 */
export function useList<T>(path: string, given: Filters, limit: number): Asked<T & { given: Filters }> {
  return useKept(
    useAsked(signal => get<T>(path, { ...given, limit }, signal).then(page => ({ ...page, given })), [given], 'jobs'),
  );
}

/** Returns a value that is read on the first call. */
export type ReadsOnce<T> = () => Promise<T>;

/** Reads on the first call, and returns the same result to all callers. */
export function once<T>(read: () => Promise<T>): ReadsOnce<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= read();
    return result;
  };
}

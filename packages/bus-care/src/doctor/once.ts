/** Something that is read when it is first asked for. */
export type ReadsOnce<T> = () => Promise<T>;

/** Reads when first asked, and gives everybody the same. */
export function once<T>(read: () => Promise<T>): ReadsOnce<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= read();
    return result;
  };
}

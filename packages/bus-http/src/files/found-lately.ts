/**
 * Remembers what `find` has found for a moment, so that the many requests for parts of one file
 * share one look-up. It does not remember what was not found.
 *
 * @param max the most results to remember.
 */
export function foundLately<T>(
  find: (name: string) => Promise<T>,
  { forMs, max, now = () => performance.now() }: { forMs: number; max: number; now?: () => number },
): (name: string) => Promise<T> {
  const found = new Map<string, { at: number; result: Promise<T> }>();
  return name => {
    const known = found.get(name);
    if (known !== undefined && now() - known.at < forMs) return known.result;
    const entry = { at: now(), result: find(name) };
    found.delete(name); // the oldest comes first
    found.set(name, entry);
    entry.result.catch(() => {
      if (found.get(name) === entry) found.delete(name);
    });
    const [oldest] = found.keys();
    if (found.size > max && oldest !== undefined) found.delete(oldest);
    return entry.result;
  };
}

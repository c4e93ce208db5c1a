/**
 * Returns a function that runs work, unless work of the same name is running: then it waits for
 * that.
 */
export function joiner<T>(): (name: string, work: () => Promise<T>) => Promise<T> {
  const running = new Map<string, Promise<T>>();
  return (name, work) => {
    const known = running.get(name);
    if (known !== undefined) return known;
    const own = work().finally(() => running.delete(name));
    running.set(name, own);
    return own;
  };
}

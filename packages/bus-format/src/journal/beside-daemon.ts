/**
 * Repeats a query while compaction moves the files that it reads. The daemon removes commits and
 * segments only after it has renamed a wider segment into place. So if no new segment appeared, the
 * query saw every file.
 */
export async function askUntilStill<T>(
  ask: () => Promise<T>,
  haveMoved: () => Promise<boolean>,
  reload: () => Promise<void>,
): Promise<T> {
  for (;;) {
    const [answer] = await Promise.allSettled([ask()]);
    if (await haveMoved()) await reload();
    else if (answer.status === 'fulfilled') return answer.value;
    else throw answer.reason;
  }
}

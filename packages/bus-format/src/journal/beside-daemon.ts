/**
 * Asks again while the files move under the question. The daemon removes commits and segments only
 * after it has renamed a wider segment into place: if there is no new one, nothing was missing.
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

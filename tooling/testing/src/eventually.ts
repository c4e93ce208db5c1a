import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Repeats a question until its answer is the wanted one, and returns it.
 *
 * @throws an Error with the last answer after `timeoutMs`.
 */
export async function eventually<T>(
  ask: () => T | Promise<T>,
  isWanted: (answer: T) => boolean,
  timeoutMs = 60_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (isWanted(answer)) return answer;
    if (performance.now() > deadline)
      throw new Error(`Waited ${timeoutMs} ms in vain; the last answer was ${JSON.stringify(answer)?.slice(0, 2000)}`);
    await sleep(25);
  }
}

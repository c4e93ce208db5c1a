/**
 * Asks anew at each call, one question at a time. While PostgreSQL or the object store does not
 * answer, it returns the last answer, so that onlookers still see that the daemon pauses, and why.
 */
export function lastKnown<T>(ask: () => Promise<T>): () => Promise<T> {
  let known: { answer: T } | undefined;
  let running: Promise<T> | undefined;
  const look = async () => {
    try {
      known = { answer: await ask() };
    } catch (error) {
      if (known === undefined) throw error;
    }
    return known.answer;
  };
  return () => {
    running ??= look().finally(() => {
      running = undefined;
    });
    return running;
  };
}

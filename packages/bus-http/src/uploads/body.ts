import type { IncomingMessage } from 'node:http';

/** A program that sends nothing for this long (milliseconds) is cut off. */
const bodyPatienceMs = 5_000;

/**
 * Yields the body of a request as it arrives. It ends early if the connection breaks, or if nothing
 * arrives for a while: the caller compares the lengths.
 */
export async function* bodyOf(
  request: IncomingMessage,
  patienceMs = bodyPatienceMs,
): AsyncGenerator<Uint8Array, void, undefined> {
  let timer: NodeJS.Timeout | undefined;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => request.destroy(), patienceMs);
  };
  try {
    wait();
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      clearTimeout(timer); // the disk may take its time
      yield chunk as Uint8Array;
      wait();
    }
  } catch (error) {
    if (!request.destroyed) throw error;
  } finally {
    clearTimeout(timer);
  }
}

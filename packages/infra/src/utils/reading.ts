import { once } from 'node:events';
import { connect } from 'node:net';
import { type RetryOptions, withRetries } from './server.js';
import { placeOf } from './silence.js';

/** A server that gives no sign for this long (milliseconds) is not there. */
const silentMs = 2_500;

/** The servers that were reached. */
const reached = new Set<string>();

/**
 * Runs work that reads from a server, a few times while the server is busy. A reader should learn
 * soon that there is no server, so it gives up earlier than a program that submits.
 *
 * @throws whatever the work throws; an Error if there is no server; the reason of the signal.
 */
export async function readingFrom<T>(
  root: string,
  work: () => Promise<T>,
  { progress, signal }: Omit<RetryOptions, 'silentMs'> = {},
): Promise<T> {
  const retries = { ...(progress !== undefined && { progress }), silentMs, signal };
  try {
    return await withRetries(async () => {
      await mustReach(root, signal);
      return work();
    }, retries);
  } catch (error) {
    if (error instanceof TypeError) reached.delete(new URL(root).origin);
    throw error;
  }
}

/** `fetch` waits ten seconds for a host that does not answer at all. */
async function mustReach(root: string, signal: AbortSignal | undefined): Promise<void> {
  const { origin } = new URL(root);
  // A proxy may reach more.
  if (reached.has(origin) || process.env.NODE_USE_ENV_PROXY !== undefined) return;
  const socket = connect({ ...placeOf(root), autoSelectFamily: true });
  const limit = AbortSignal.timeout(silentMs);
  try {
    await once(socket, 'connect', { signal: signal === undefined ? limit : AbortSignal.any([signal, limit]) });
  } catch (cause) {
    signal?.throwIfAborted();
    if (limit.aborted) throw new Error(`no connection within ${silentMs / 1000} s`);
    throw new TypeError('the server cannot be reached', { cause });
  } finally {
    socket.destroy();
  }
  reached.add(origin);
}

import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';

/** The caller of a request has left, which is no failure of the server. */
export class CallerLeft extends Error {}

/**
 * Works for a caller, and ends the work when the caller leaves.
 *
 * @param silentMs for how long the connection may be silent meanwhile, if longer than usual.
 */
export async function whileHere<T>(
  c: Context,
  work: (left: AbortSignal) => Promise<T>,
  { silentMs }: { silentMs?: number } = {},
): Promise<T> {
  const { socket } = (c.env as HttpBindings).incoming;
  const left = new AbortController();
  const leave = () => left.abort(new CallerLeft('The caller has left.'));
  const before = socket.timeout;
  socket.once('close', leave);
  if (silentMs !== undefined) socket.setTimeout(silentMs);
  try {
    if (socket.destroyed) leave();
    return await work(left.signal);
  } catch (error) {
    throw left.signal.aborted ? left.signal.reason : error;
  } finally {
    socket.off('close', leave);
    if (silentMs !== undefined) socket.setTimeout(before ?? 0);
  }
}

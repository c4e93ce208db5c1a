import type { IncomingMessage } from 'node:http';
import { maxManifestBytes } from '@quantbot/infra/bus';
import { refuse } from '../http-error.js';

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

/** Reads a manifest. @throws DaemonError `HTTP_TOO_LARGE`. */
export async function manifestBody(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of bodyOf(request)) {
    length += chunk.length;
    if (length > maxManifestBytes) refuse('HTTP_TOO_LARGE', `A manifest has at most ${maxManifestBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

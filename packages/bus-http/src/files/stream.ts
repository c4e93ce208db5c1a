import type { FileHandle } from 'node:fs/promises';
import { withFileThread } from '../file-work.js';

/** Bytes that a stream reads at a time. Few of them are in memory for each client. */
const chunkBytes = 128 * 1024;

/** The part of a file to stream, and what to do at its end. */
export interface StreamOptions {
  start: number;
  /** Exclusive. */
  end: number;
  /** A client that does not take a chunk within this time (milliseconds) is cut off. */
  patienceMs: number;
  /** Cuts the client off. */
  cutOff: () => void;
  /** Called once, when the file is closed. */
  closed: () => void;
}

/**
 * Streams a part of an open file, and closes the file at its end: when all is read, when the client
 * leaves, or when the client is too slow.
 */
export function streamPart(
  file: FileHandle,
  { start, end, patienceMs, cutOff, closed }: StreamOptions,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let position = start;
  let timer: NodeJS.Timeout | undefined;
  let isOpen = true;
  const close = async () => {
    clearTimeout(timer);
    if (!isOpen) return;
    isOpen = false;
    await file.close().finally(closed);
  };
  // A response that waits behind another on its connection does not notice when that is cut off.
  const leaveSlow = () => {
    cutOff();
    close().catch(() => {}); // nobody reads it any more
  };
  return new ReadableStream(
    {
      async pull(controller) {
        clearTimeout(timer);
        try {
          const chunk = new Uint8Array(Math.min(chunkBytes, end - position));
          const { bytesRead } = await withFileThread(() => file.read(chunk, 0, chunk.length, position));
          if (!isOpen) return; // the client left meanwhile
          if (bytesRead === 0) throw new Error(`The file ended at byte ${position} of ${end}.`);
          position += bytesRead;
          if (position === end) await close();
          controller.enqueue(bytesRead === chunk.length ? chunk : chunk.subarray(0, bytesRead));
          if (position === end) controller.close();
          else timer = setTimeout(leaveSlow, patienceMs).unref();
        } catch (error) {
          await close();
          throw error;
        }
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  );
}

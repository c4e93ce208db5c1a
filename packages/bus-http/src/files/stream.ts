import type { Content } from './open-file.js';

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
  file: Content,
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
          const chunk = await file.read(position, end);
          if (!isOpen) return; // the client left meanwhile
          if (chunk.length === 0) throw new Error(`The file ended at byte ${position} of ${end}.`);
          position += chunk.length;
          if (position === end) await close();
          controller.enqueue(chunk);
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

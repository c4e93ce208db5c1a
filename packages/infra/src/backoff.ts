/** How long to wait after failures. */
export interface Backoff {
  /** After the first one (milliseconds). */
  firstMs: number;
  /** Each wait is twice as long as the one before, up to this. */
  maxMs: number;
}

/** Returns the wait (milliseconds) after this many consecutive failures, counted from 1. */
export const waitAfter = ({ firstMs, maxMs }: Backoff, failures: number): number =>
  Math.min(maxMs, firstMs * 2 ** (failures - 1));

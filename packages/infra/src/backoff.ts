/** How long failures are waited out. */
export interface Backoff {
  /** After the first one (milliseconds). */
  firstMs: number;
  /** Each wait is twice as long as the one before, up to this. */
  maxMs: number;
}

/** Returns how long to wait (milliseconds) after so many failures in a row; 1 is the first. */
export const waitAfter = ({ firstMs, maxMs }: Backoff, failures: number): number =>
  Math.min(maxMs, firstMs * 2 ** (failures - 1));

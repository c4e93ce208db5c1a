import type { Bus } from './bus.js';
import type { LoopView } from './loop/loop-view.js';

/**
 * Someone who looks on while the daemon works, until closed. The work itself knows nothing of it.
 */
export interface Onlooker {
  /** Where its page is, if it has one. */
  url?: string;
  /** Closed after the lock is released: the next daemon does not wait for it. */
  outlivesLock?: true;
  close(): Promise<void>;
}

/** Starts an onlooker. One that fails to start leaves nothing open. */
export type StartOnlooker = (bus: Bus, loop: LoopView) => Promise<Onlooker>;

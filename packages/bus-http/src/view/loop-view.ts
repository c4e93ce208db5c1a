import type { WaitingTable } from '@quantbot/bus-format/state';
import type { RunState } from './events.js';
import type { ExportState } from './export-state.js';

/** The part of the daemon's loop that onlookers may see. */
export interface LoopView {
  health: LoopHealth;
  /** Time of COMMIT of the oldest known waiting job (milliseconds since 1970). */
  oldestWaitingMs: number | undefined;
  exports(): Promise<ExportState[]>;
  /** Whether it ends when no job waits. */
  drains: boolean;
  /** Aborted when the daemon is asked to end. */
  stopRequested: AbortSignal;
  /** The canonical tables that a damaged file blocks. */
  waitingTables: readonly WaitingTable[];
}

/** The health of the daemon's loop. */
export interface LoopHealth {
  state: RunState;
  /** When it entered this state (milliseconds since 1970). */
  sinceMs: number;
  /** Why it pauses. */
  cause: { code: string | null; message: string } | undefined;
  /** Whether the loop waits, pauses or makes progress. */
  alive: boolean;
  /** How long there was work but no progress (milliseconds). */
  stuckForMs: number;
}

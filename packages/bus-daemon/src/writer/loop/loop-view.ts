import type { WaitingTable } from '@quantbot/bus-format/state';
import type { ExportState } from '../exports/export-state.js';
import type { LoopHealth } from './pulse.js';

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

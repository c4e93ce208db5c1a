import type { JobState } from '@quantbot/bus-care/jobs';

/** Defaults that the help of a command names and its code uses. */

/** The default address of `start --http`. */
export const defaultListen = '127.0.0.1:7171';

/** Seconds between two looks of `status --watch`. */
export const defaultWatchS = 1;

/** Rows of a table that `query` prints. */
export const defaultTableRows = 100;

/** How `query` can write its rows. */
export const queryFormats = ['table', 'json', 'csv', 'parquet'] as const;

/** The exit code of a process that was interrupted, as shells have it. */
export const interruptedExitCode = 130;

/** The states that `jobs --state` takes: all there are. */
export const jobStates = Object.keys({
  uncommitted: true,
  waiting: true,
  claimed: true,
  ingested: true,
  duplicate: true,
  rejected: true,
} satisfies Record<JobState, true>);

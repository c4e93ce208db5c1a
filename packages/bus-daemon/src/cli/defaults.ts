import type { JobState } from '@quantbot/bus-care/jobs';

/** Defaults that both the help and the code of a command use. */

/** The default address of `start --http`. */
export const defaultListen = '127.0.0.1:7171';

/** Seconds between two updates of `status --watch`. */
export const defaultWatchS = 1;

/** Rows of a table that `query` prints. */
export const defaultTableRows = 100;

/** The output formats of `query`. */
export const queryFormats = ['table', 'json', 'csv', 'parquet', 'arrow'] as const;

/** The exit code that shells give an interrupted process. */
export const interruptedExitCode = 130;

/** The values of `jobs --state`: all states. */
export const jobStates = Object.keys({
  uncommitted: true,
  waiting: true,
  claimed: true,
  ingested: true,
  duplicate: true,
  rejected: true,
  dismissed: true,
} satisfies Record<JobState, true>);

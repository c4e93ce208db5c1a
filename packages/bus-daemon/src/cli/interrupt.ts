import { interruptedExitCode } from './fail.js';

/** A signal that is given when the process is asked to end (Ctrl-C, SIGTERM); asked a second time, it ends at once. */
export function untilInterrupted(): AbortSignal {
  const end = new AbortController();
  // Not `once`: libraries that have the cursor to restore end the process when they are the only ones that listen.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (end.signal.aborted) process.exit(interruptedExitCode);
      end.abort(signal);
    });
  return end.signal;
}

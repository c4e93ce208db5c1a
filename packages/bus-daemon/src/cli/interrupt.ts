import { interruptedExitCode } from './defaults.js';
import { stopSignals } from './hangup.js';

/**
 * A signal that is given when the process is asked to end (Ctrl-C, SIGTERM, its terminal is
 * closed); asked a second time, it ends at once.
 */
export function untilInterrupted(): AbortSignal {
  const end = new AbortController();
  // Not `once`: libraries that have the cursor to restore end the process when they are the only
  // ones that listen.
  for (const signal of stopSignals())
    process.on(signal, () => {
      if (end.signal.aborted) process.exit(interruptedExitCode);
      end.abort(signal);
    });
  return end.signal;
}

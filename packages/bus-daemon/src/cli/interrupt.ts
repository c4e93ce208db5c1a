import { interruptedExitCode } from './defaults.js';
import { stopSignals } from './hangup.js';

/**
 * Returns a signal that aborts when the process is asked to end (Ctrl-C, SIGTERM, closed terminal).
 * The second request ends the process at once.
 */
export function untilInterrupted(): AbortSignal {
  const end = new AbortController();
  // Not `once`: libraries that restore the cursor end the process if no other listener is left.
  for (const signal of stopSignals())
    process.on(signal, () => {
      if (end.signal.aborted) process.exit(interruptedExitCode);
      end.abort(signal);
    });
  return end.signal;
}

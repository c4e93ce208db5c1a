/** A signal that is given when the process is asked to end (Ctrl-C, SIGTERM); asked a second time, it ends at once. */
export function untilInterrupted(): AbortSignal {
  const end = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end.abort(signal));
  return end.signal;
}

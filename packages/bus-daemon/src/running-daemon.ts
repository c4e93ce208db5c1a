/** A daemon that runs. */
export interface Daemon {
  /** Where its dashboard is, if the configuration wants it (`http.listen`). */
  url: string | undefined;
  /** Finishes the batch in hand, then ends. */
  stop(): Promise<void>;
  /** Resolves when the daemon has ended; rejects when it had to stop for an error. */
  finished: Promise<void>;
}

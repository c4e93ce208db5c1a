/**
 * Why a notification was not delivered. Its message contains no secret: neither addresses nor
 * headers.
 */
export class DeliveryError extends Error {
  /** Whether a retry would fail too. */
  readonly permanent: boolean;
  /** How long the hook asks to wait before a retry (milliseconds); 0 if it does not ask. */
  readonly retryAfterMs: number;
  /** The beginning of the answer. */
  readonly output: string;

  constructor(message: string, { permanent = false, retryAfterMs = 0, output = '' } = {}) {
    super(message);
    this.name = new.target.name;
    this.permanent = permanent;
    this.retryAfterMs = retryAfterMs;
    this.output = output;
  }
}

/** At most this many characters of a hook's answer are kept. */
export const keptOutput = 4000;

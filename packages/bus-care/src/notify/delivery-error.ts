/**
 * Why a notification was not delivered. Its message contains no secret: neither addresses nor
 * headers.
 */
export class DeliveryError extends Error {
  /** Whether a retry would fail too. */
  readonly permanent: boolean;
  /** How long it asks to be left alone (milliseconds); 0 when it does not say. */
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

/** Of what a hook answers this much is kept (characters). */
export const keptOutput = 4000;

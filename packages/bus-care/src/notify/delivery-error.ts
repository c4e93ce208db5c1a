/**
 * Why a notification was not delivered. Its message contains no secret: neither addresses nor
 * headers.
 */
export class DeliveryError extends Error {
  /** Whether a retry would fail too. */
  readonly permanent: boolean;
  /** How long the hook asks to wait before a retry (milliseconds); 0 if it does not ask. */
  readonly retryAfterMs: number;
  /** The status of the answer, if there is one. */
  readonly status: number | undefined;
  /** The beginning of the answer. */
  readonly output: string;

  constructor(
    message: string,
    {
      permanent = false,
      retryAfterMs = 0,
      status,
      output = '',
    }: { permanent?: boolean; retryAfterMs?: number; status?: number; output?: string } = {},
  ) {
    super(message);
    this.name = new.target.name;
    this.permanent = permanent;
    this.retryAfterMs = retryAfterMs;
    this.status = status;
    this.output = output;
  }
}

/** At most this many characters of a hook's answer are kept. */
export const keptOutput = 4000;

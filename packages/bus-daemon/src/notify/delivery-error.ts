/** Why an attempt to tell a hook failed. Its message has no secret: neither addresses nor headers. */
export class DeliveryError extends Error {
  /** Whether trying again is of no use. */
  readonly permanent: boolean;
  /** The beginning of what it answered. */
  readonly output: string;

  constructor(message: string, { permanent = false, output = '' } = {}) {
    super(message);
    this.name = new.target.name;
    this.permanent = permanent;
    this.output = output;
  }
}

/** Of what a hook answers this much is kept (characters). */
export const keptOutput = 4000;

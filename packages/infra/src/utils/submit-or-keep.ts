import { isBusUnavailable } from '../errors.js';
import type { Logger } from '../logger.js';
import type { SubmitArtifactsOptions } from './options.js';
import { type Submission, submitArtifacts } from './submit.js';

/** What a producer does if the bus cannot take its artifacts. */
export interface BusPolicy {
  /**
   * True: it is an error. False (default): the local files stay, a warning says so, and the run
   * continues.
   */
  requireBus?: boolean;
  /** Where the warning goes. */
  logger?: Pick<Logger, 'warn'>;
}

/**
 * Submits, or keeps the local files if no bus can take them, so that a full disk does not lose
 * hours of simulation. Mistakes of the producer (an invalid id, a file that is not Parquet) are
 * still thrown.
 *
 * @returns the submission, or undefined when the files were kept.
 * @throws BusError like `submitArtifacts`.
 */
export async function submitOrKeep(
  options: SubmitArtifactsOptions,
  policy: BusPolicy = {},
): Promise<Submission | undefined> {
  try {
    return await submitArtifacts(options);
  } catch (error) {
    if (policy.requireBus || !isBusUnavailable(error)) throw error;
    const { message, hint } = error as Error & { hint: string };
    const files = options.artifacts.map(artifact => artifact.parquetPath);
    policy.logger?.warn(
      { runId: options.runId, files, hint },
      `the bus did not take the artifacts; keeping the local files: ${message}`,
    );
    return undefined;
  }
}

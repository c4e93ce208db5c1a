import { ApiError } from './client.js';

/**
 * Acts on each job. One that is refused stops no other.
 *
 * @throws the first refusal, after all were tried. An error that each job would meet comes at once.
 */
export async function actOnEach(jobs: readonly string[], act: (job: string) => Promise<unknown>): Promise<void> {
  let first: ApiError | undefined;
  for (const job of jobs)
    try {
      await act(job);
    } catch (error) {
      if (!(error instanceof ApiError) || /^(HTTP_|UNREACHABLE)/.test(error.code)) throw error;
      first ??= error;
    }
  if (first !== undefined) throw first;
}

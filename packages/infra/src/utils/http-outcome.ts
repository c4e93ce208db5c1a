import type { BusError } from '../errors.js';
import { polled } from './polled.js';
import { asBusError, askServer, ServerError } from './server.js';
import type { FoundOutcome, OutcomeSource } from './settled.js';

/** The outcomes of jobs of producers, or of operations, that the server of a daemon tells. */
export function httpOutcome(root: string, kind: 'jobs' | 'operations'): OutcomeSource {
  let problem: string | undefined;
  const ask = async (jobId: string): Promise<FoundOutcome & { place: string }> => {
    const path = `/api/v1/${kind}/${encodeURIComponent(jobId)}/outcome`;
    const answer = await askServer(root, { method: 'GET', path });
    const { receipt, reason, place } = (await answer.json()) as Record<string, string | null>;
    return { receipt: receipt ?? undefined, reason: reason ?? undefined, place: place ?? '' };
  };
  return {
    /** A server that does not answer may answer later. */
    read: async jobId => {
      try {
        const found = await ask(jobId);
        problem = undefined;
        return found;
      } catch (error) {
        const coded = asBusError(root, error);
        if (error instanceof ServerError && (coded as BusError).code === 'BUS_DENIED') throw coded;
        problem = (coded as BusError).message;
        return { receipt: undefined, reason: undefined };
      }
    },
    watch: polled,
    whereIs: async jobId => {
      if (problem !== undefined) return `may be settled, which this program cannot see: ${problem.replace(/\.$/, '')}`;
      return (await ask(jobId)).place;
    },
  };
}

import { objectKeys } from '../bus-layout.js';
import { BusError } from '../errors.js';
import type { Objects } from '../objects/objects.js';
import { polled } from './polled.js';
import type { FoundOutcome, OutcomeSource } from './settled.js';

const maxOutcomeBytes = 64 * 1024 * 1024;

/** The outcomes below `receipts/` and `rejected/` of an object store. */
export function objectOutcome(objects: Objects): OutcomeSource {
  let problem: string | undefined;
  /** A store that does not answer may answer later. Without the right to list, absent is denied. */
  const readOptional = async (key: string): Promise<string | undefined> => {
    try {
      const found = await objects.read(key, maxOutcomeBytes);
      problem = undefined;
      return found?.toString('utf8');
    } catch (error) {
      if (!(error instanceof BusError) || !passing.has(error.code)) throw error;
      problem = error.message;
      return undefined;
    }
  };
  const look = async (jobId: string): Promise<FoundOutcome> => {
    const [receipt, reason] = await Promise.all([
      readOptional(objectKeys.receipt(jobId)),
      readOptional(objectKeys.rejected(jobId)),
    ]);
    return { receipt, reason };
  };
  return {
    read: look,
    watch: polled,
    whereIs: async jobId => {
      if (problem !== undefined) return `may be settled, which this program cannot see: ${problem.replace(/\.$/, '')}`;
      const waiting = await objects.list(objectKeys.inboxOf(jobId), { limit: 1 }).catch(() => []);
      return waiting.length === 0 ? 'is not in the inbox' : 'waits in the inbox';
    },
  };
}

const passing: ReadonlySet<string> = new Set(['OBJECT_STORE_UNREACHABLE', 'OBJECT_STORE_DENIED']);

import { footerBudget, inFreshProcess, isSpoilt, TaskError } from '@quantbot/duckdb-process';
import { type ParquetFooter, type RejectCode, rejectCodes } from '@quantbot/infra';
import { busError } from '@quantbot/infra/bus';
import type { VerifyingBus } from '../bus.js';

/** Longer footers are not read in the daemon's main thread. */
export const longFooterBytes = 1024 * 1024;

/** A file that would delay the other jobs of its batch: verify its job beside them. */
export class CostlyFile extends Error {}

/**
 * Reads a long footer in another process, because parsing blocks everything else.
 *
 * @throws CostlyFile if the job can be handed over; BusError as `readParquetFooter`, and
 * `TOO_COMPLEX`.
 */
export async function readLongFooter(
  bus: VerifyingBus,
  path: string,
  { relpath, signal }: { relpath: string; signal: AbortSignal | undefined },
): Promise<ParquetFooter> {
  if (bus.beside !== undefined) throw new CostlyFile(`${relpath} has a long footer.`);
  const reader = bus.inspector.another('inspect-footer');
  const close = () => reader.close();
  signal?.addEventListener('abort', close, { once: true });
  try {
    const read = () => reader.request({ task: 'footer', path }, footerBudget(bus.config.limits));
    const outcome = await inFreshProcess(reader, read);
    if (!isSpoilt(outcome)) return outcome;
    throw busError('TOO_COMPLEX', `The footer of ${relpath} takes more time or memory to read than is allowed.`, {
      details: [outcome.message],
    });
  } catch (error) {
    if (!(error instanceof TaskError) || !(error.code in rejectCodes)) throw error;
    throw busError(error.code as RejectCode, error.message, { hint: error.hint, details: error.details });
  } finally {
    signal?.removeEventListener('abort', close);
    close();
  }
}

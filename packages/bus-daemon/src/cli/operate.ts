import type { Operation, Receipt } from '@quantbot/infra';
import { submitOperation } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { exists } from '@quantbot/infra/files';
import { drainUnlessRunning } from '../drain.js';
import { submitPlace } from '../writer/submit-place.js';

/**
 * Has the writer execute an operation. If no daemon is running, it starts one that ends when no job
 * waits.
 *
 * @throws JobRejectedError if the operation is refused; DaemonError of the start.
 */
export async function operate(config: BusConfig, op: Operation, timeoutMs: number): Promise<Receipt> {
  if (config.cluster !== undefined) {
    const submission = await submitOperation(op, submitPlace(config));
    return submission.settled({ timeoutMs });
  }
  // A bus that no daemon has ever opened has no marker, so nothing can be submitted to it yet.
  if (!(await exists(config.busRoot))) await drainUnlessRunning(config);
  const submission = await submitOperation(op, submitPlace(config));
  await drainUnlessRunning(config);
  return submission.settled({ timeoutMs });
}

import type { Operation, Receipt } from '@quantbot/infra';
import { submitOperation } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { exists } from '@quantbot/infra/files';
import type { Submission } from '@quantbot/infra/utils';
import { drainUnlessRunning } from '../drain.js';
import { submitPlace } from '../writer/submit-place.js';

/** A wait that is shorter than this needs no word. */
const quietMs = 3_000;

/**
 * Has the writer execute an operation. If no daemon is running on this machine's bus, it starts one
 * that ends when no job waits. On a cluster it waits for one of the daemons, and says so.
 *
 * @throws JobRejectedError if the operation is refused; DaemonError of the start.
 */
export async function operate(config: BusConfig, op: Operation, timeoutMs: number): Promise<Receipt> {
  if (config.cluster !== undefined) {
    const submission = await submitOperation(op, submitPlace(config));
    return settledAloud(submission, 'a daemon of the cluster', timeoutMs);
  }
  // A bus that no daemon has ever opened has no marker, so nothing can be submitted to it yet.
  if (!(await exists(config.busRoot))) await drainUnlessRunning(config);
  const submission = await submitOperation(op, submitPlace(config));
  await drainUnlessRunning(config);
  return settledAloud(submission, 'the daemon', timeoutMs);
}

/** Waits for a job, and says on standard error what it waits for if that takes a while. */
async function settledAloud(submission: Submission, whom: string, timeoutMs: number): Promise<Receipt> {
  const notice = setTimeout(() => {
    console.error(`Waiting until ${whom} executes the job ${submission.jobId}.`);
    console.error('If no daemon is running, start one with `quantbot-bus start`. After Ctrl-C, the job still waits.');
  }, quietMs);
  try {
    return await submission.settled({ timeoutMs });
  } finally {
    clearTimeout(notice);
  }
}

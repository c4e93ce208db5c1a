import { decideKey } from '@quantbot/bus-care/forget';
import type { Operation } from '@quantbot/infra';
import type { DecidingBus } from '../bus.js';
import type { CheckedJob, Forgetting } from '../job.js';

type ForgetOperation = Extract<Operation, { type: 'forget' }>;

/** Whether a job asks the daemon to forget artifacts. */
export const isForget = ({ manifest }: CheckedJob): boolean => manifest?.op?.type === 'forget';

/**
 * Decides what an operation `forget` does, by the journal as it is before this batch. The job must
 * be alone in its batch, so that no other job of it changes what is protected.
 */
export async function decideForget(bus: DecidingBus, op: ForgetOperation): Promise<Forgetting> {
  const forgetting: Forgetting = { gone: [], spared: [] };
  for (const judged of await bus.judge(op.artifact_keys)) {
    const { gone, ...outcome } = decideKey(bus.config, op, judged);
    if (gone === undefined || judged.row === undefined) forgetting.spared.push(outcome);
    else forgetting.gone.push({ row: judged.row, status: gone });
  }
  return forgetting;
}

import type { Judged } from '@quantbot/bus-format/journal';
import type { ForgetOutcome } from '@quantbot/infra';
import { maxOperationKeys } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { decideKey, type ForgetManner } from './outcome.js';

/**
 * Returns what would become of keys if the daemon forgot them now. The daemon decides again when it
 * commits.
 */
export async function previewForget(
  config: Pick<BusConfig, 'canon'>,
  judge: (keys: readonly string[]) => Promise<Judged[]>,
  keys: readonly string[],
  manner: ForgetManner,
): Promise<ForgetOutcome[]> {
  const outcomes: ForgetOutcome[] = [];
  for (const part of partsOf(keys))
    for (const judged of await judge(part)) {
      const { gone: _, ...outcome } = decideKey(config, manner, judged);
      outcomes.push(outcome);
    }
  return outcomes;
}

/** Splits keys into lists that fit one operation. */
export function partsOf(keys: readonly string[]): string[][] {
  const distinct = [...new Set(keys)];
  return Array.from({ length: Math.ceil(distinct.length / maxOperationKeys) }, (_, part) =>
    distinct.slice(part * maxOperationKeys, (part + 1) * maxOperationKeys),
  );
}

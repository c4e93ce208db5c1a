import { keysOfRule, partsOf } from '@quantbot/bus-care/forget';
import type { Onlooker, VisibleBus } from '@quantbot/bus-http';
import { submitOperation } from '@quantbot/infra/bus';
import type { BusConfig, RetentionRule } from '@quantbot/infra/config';
import { withForgetting } from '../writer/forgetting.js';
import { submitPlace } from '../writer/submit-place.js';

/** Recovery and waiting jobs come first. */
const afterStartMs = 30_000;

/**
 * Applies the retention rules at the configured interval: it submits what `forget --rule` would, as
 * jobs of the daemon itself. Nothing is submitted if nothing would go. In a cluster, the daemon
 * that publishes does it.
 */
export async function retainInBackground(
  bus: Pick<VisibleBus, 'cluster' | 'config' | 'logger' | 'now'>,
): Promise<Onlooker> {
  const { intervalMs, rules } = bus.config.retention;
  if (intervalMs === undefined || rules.length === 0) return { close: async () => {} };
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let isClosed = false;
  const plan = (waitMs: number) => {
    if (!isClosed)
      timer = setTimeout(() => {
        running = applyRules(bus).finally(() => plan(intervalMs));
      }, waitMs).unref();
  };
  plan(Math.min(afterStartMs, intervalMs));
  return {
    close: async () => {
      isClosed = true;
      clearTimeout(timer);
      await running;
    },
  };
}

async function applyRules({
  cluster,
  config,
  logger,
  now,
}: Pick<VisibleBus, 'cluster' | 'config' | 'logger' | 'now'>): Promise<void> {
  if (cluster?.publishes === false) return;
  try {
    for (const rule of config.retention.rules) {
      const keys = await keysToForget(config, rule, now());
      for (const part of partsOf(keys)) await submitOperation(operationOf(part, rule), submitPlace(config));
      if (keys.length > 0)
        logger.info({ rule: rule.name, artifacts: keys.length }, 'a retention rule lets artifacts go');
    }
  } catch (error) {
    logger.error({ err: error }, 'the retention rules could not be applied; they will be at the next interval');
  }
}

const keysToForget = (config: BusConfig, rule: RetentionRule, nowMs: number): Promise<string[]> =>
  withForgetting(config, async ({ journal, preview }) => {
    const outcomes = await preview(await keysOfRule(journal, rule, nowMs), { force: false, rows: 'default' });
    return outcomes.filter(({ status }) => status === 'forgotten').map(({ key }) => key);
  });

const operationOf = (keys: string[], { name }: RetentionRule) => ({
  type: 'forget' as const,
  artifact_keys: keys,
  force: false,
  rows: 'default' as const,
  reason: `retention rule ${name}`,
  by: 'quantbot-bus',
});

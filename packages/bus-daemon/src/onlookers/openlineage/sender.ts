import { type Variables, withVariables } from '@quantbot/bus-care/notify';
import type { Onlooker, VisibleBus } from '@quantbot/bus-http';
import type { OpenLineageConfig } from '@quantbot/infra/config';
import { builtEntry, runAtInterval } from '../background/schedule.js';
import type { LineageProblem } from './follow.js';

/** It never ends by itself, so this is the pause after it was killed. */
const intervalMs = 1_000;

/**
 * Posts OpenLineage events of committed jobs in a process of its own, with the lowest priority. In
 * a cluster, the daemon that publishes does it.
 *
 * @throws DaemonError `NOTIFY_VARIABLE_INVALID`.
 */
export function sendLineage(
  bus: Pick<VisibleBus, 'cluster' | 'config' | 'logger' | 'now'>,
  entry = builtEntry('openlineage'),
  env: Variables = process.env,
): Onlooker {
  const { openlineage } = bus.config;
  const config = { ...bus.config, openlineage: openlineage && filledIn(openlineage, env) };
  const { cluster, logger, now } = bus;
  return runAtInterval(
    { cluster, config, logger, now },
    {
      name: 'sending OpenLineage events',
      entry,
      intervalMs,
      lastEndedAt: async () => undefined,
      onMessage: message => {
        const { isGivenUp, ...about } = message as LineageProblem;
        if (isGivenUp) bus.logger.error(about, 'the OpenLineage endpoint refuses an event; it is skipped');
        else bus.logger.warn(about, 'an OpenLineage event could not be delivered; it is retried');
      },
    },
  );
}

/** The variables are checked like those of a webhook. */
function filledIn(target: OpenLineageConfig, env: Variables): OpenLineageConfig {
  const { url, headers, timeoutMs } = target;
  const hook = withVariables(
    {
      name: 'openlineage',
      on: [],
      producers: [],
      kinds: [],
      target: { type: 'webhook', url, headers },
      timeoutMs,
      retries: 0,
      groupWaitMs: 0,
    },
    env,
  );
  return hook.target.type === 'webhook' ? { ...target, url: hook.target.url, headers: hook.target.headers } : target;
}

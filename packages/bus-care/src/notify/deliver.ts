import { setTimeout as sleep } from 'node:timers/promises';
import { daemonError } from '@quantbot/bus-format';
import type { Logger } from '@quantbot/infra';
import { type Backoff, waitAfter } from '@quantbot/infra/bus';
import type { NotifyHook } from '@quantbot/infra/config';

import { DeliveryError } from './delivery-error.js';
import type { NotificationDocument } from './notification.js';
import { postWebhook } from './post-webhook.js';
import { type Attempt, runCommand } from './run-command.js';

const backoff: Backoff = { firstMs: 1000, maxMs: 60_000 };

/**
 * Notifies a hook. After a failure it retries with growing pauses, and waits as long as the hook
 * asks for (at most a minute).
 *
 * @param hook with its variables filled in.
 * @throws DaemonError `NOTIFY_FAILED` if all attempts failed; the signal's reason if the signal
 * aborts first.
 */
export async function deliver(
  hook: NotifyHook,
  document: NotificationDocument,
  { logger, signal }: { logger: Logger; signal: AbortSignal },
): Promise<void> {
  const { name, retries } = hook;
  const { id, event } = document;
  for (let failures = 1; ; failures++)
    try {
      return await tellOnce(hook, document, signal);
    } catch (error) {
      signal.throwIfAborted();
      const { message } = error as Error;
      const { output, permanent, retryAfterMs } =
        error instanceof DeliveryError ? error : { output: '', permanent: false, retryAfterMs: 0 };
      const retriesLeft = permanent ? 0 : retries + 1 - failures;
      logger.debug(
        { hook: name, id, event, attempt: failures, retriesLeft, error: message, output },
        'a hook could not be notified',
      );
      if (retriesLeft === 0) throw daemonError('NOTIFY_FAILED', `The hook ${name} could not be notified: ${message}`);
      const askedMs = Math.min(backoff.maxMs, retryAfterMs);
      await sleep(Math.max(askedMs, waitAfter(backoff, failures)), undefined, { signal }).catch(() => {});
      signal.throwIfAborted();
    }
}

/**
 * Notifies a hook once, without retries.
 *
 * @throws DeliveryError
 */
export function tellOnce(
  { target, timeoutMs }: NotifyHook,
  document: NotificationDocument,
  signal: AbortSignal,
): Promise<void> {
  const attempt: Attempt = { body: JSON.stringify(document), env: variablesFor(document), timeoutMs, signal };
  return target.type === 'command' ? runCommand(target, attempt) : postWebhook(target, attempt);
}

/** Environment variables of a command, so that a line of shell needs no JSON. */
const variablesFor = ({ event, hook, bus_root, text }: NotificationDocument): Record<string, string> => ({
  QUANTBOT_BUS_EVENT: event,
  QUANTBOT_BUS_HOOK: hook,
  QUANTBOT_BUS_ROOT: bus_root,
  QUANTBOT_BUS_TEXT: text,
});

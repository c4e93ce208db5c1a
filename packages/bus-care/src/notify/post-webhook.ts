import { version } from '@quantbot/bus-format/version';
import type { WebhookTarget } from '@quantbot/infra/config';
import { DeliveryError, keptOutput } from './delivery-error.js';
import type { Attempt } from './run-command.js';

/** Whether the same request may succeed later. Any other failure is permanent. */
const isWorthRetrying = (status: number): boolean => status >= 500 || [408, 425, 429].includes(status);

/**
 * Posts the document, and waits for an answer of 200 to 299. Redirects are not followed, because
 * content and headers are meant for this address only.
 *
 * @throws DeliveryError
 */
export async function postWebhook({ url, headers }: WebhookTarget, attempt: Attempt): Promise<void> {
  const where = new URL(url).origin; // the path is often the secret
  const timeout = AbortSignal.timeout(attempt.timeoutMs);
  let answer: Response;
  try {
    answer = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'User-Agent': `quantbot-bus/${version}`, ...headers, 'Content-Type': 'application/json' },
      body: attempt.body,
      signal: AbortSignal.any([attempt.signal, timeout]),
    });
  } catch (error) {
    if (attempt.signal.aborted) throw new DeliveryError(`The request to ${where} was cancelled: the daemon stopped.`);
    if (timeout.aborted) throw new DeliveryError(`${where} did not answer within ${attempt.timeoutMs / 1000} s.`);
    throw new DeliveryError(`${where} could not be reached: ${reasonOf(error)}.`);
  }
  if (answer.ok) return void (await answer.body?.cancel().catch(() => {}));
  const output = await beginningOf(answer);
  throw new DeliveryError(`${where} answered ${answer.status} ${answer.statusText}`.trimEnd(), {
    permanent: !isWorthRetrying(answer.status),
    status: answer.status,
    retryAfterMs: retryAfterMs(answer.headers.get('Retry-After')),
    output,
  });
}

/**
 * Returns the wait of a `Retry-After` header from now (milliseconds). The header has whole seconds
 * or a date (RFC 9110, section 10.2.3). Returns 0 if it is absent, in the past or invalid.
 */
export function retryAfterMs(header: string | null, nowMs = Date.now()): number {
  if (header === null) return 0;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}

/**
 * Returns the reason of a failed `fetch`, which is in the error's cause. Uses codes and names only,
 * because a message may quote the request.
 */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const { code, name } = cause as { code?: unknown; name?: unknown };
  return String(code ?? name);
}

/** Returns the first piece of the body, and does not wait for the rest. */
async function beginningOf({ body }: Response): Promise<string> {
  const reader = body?.getReader();
  try {
    const piece = await reader?.read();
    return new TextDecoder().decode(piece?.value).slice(0, keptOutput);
  } catch {
    return ''; // the status is enough
  } finally {
    await reader?.cancel().catch(() => {});
  }
}

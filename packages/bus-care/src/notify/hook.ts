import { setTimeout as sleep } from 'node:timers/promises';
import { hintFor } from '@quantbot/bus-format';
import type { Logger } from '@quantbot/infra';
import type { NotifyHook } from '@quantbot/infra/config';
import { deliver } from './deliver.js';
import { type Happening, isWanted } from './happening.js';
import { documentOf } from './notification.js';
import { NotificationQueue } from './queue.js';

/** What a hook needs from its daemon. */
interface HookContext {
  /** The folder of the bus, or the URL of its objects. */
  readonly root: string;
  readonly logger: Logger;
  /** Milliseconds of a monotonic clock. */
  elapsed(): number;
}

/**
 * Notifies one command or webhook, one notification at a time, without delaying its caller.
 *
 * States: idle → running (waits for a group to be complete, or delivers) → idle. It is closed when
 * all waiting notifications are delivered or dropped.
 */
export class Hook {
  readonly #bus: HookContext;
  readonly #hook: NotifyHook;
  readonly #queue: NotificationQueue;
  readonly #givenUp = new AbortController();
  #wake = new AbortController();
  #running: Promise<void> | undefined;
  #closing = false;
  #untold = 0;

  constructor(bus: HookContext, hook: NotifyHook) {
    this.#bus = bus;
    this.#hook = hook;
    this.#queue = new NotificationQueue(hook.groupWaitMs);
  }

  /** Queues an event, and returns at once. */
  tell(happening: Happening): void {
    if (!isWanted(this.#hook, happening)) return;
    if (!this.#queue.add(happening, this.#bus.elapsed())) return;
    this.#wake.abort();
    this.#running ??= this.#run();
  }

  /**
   * Delivers the waiting notifications at once, until the signal aborts. Logs those that remain.
   */
  async close(giveUp: AbortSignal): Promise<void> {
    this.#closing = true;
    this.#wake.abort();
    const letGo = () => this.#givenUp.abort();
    giveUp.addEventListener('abort', letGo);
    if (giveUp.aborted) letGo();
    await this.#running;
    giveUp.removeEventListener('abort', letGo);
    const left = this.#untold + this.#queue.size;
    if (left > 0)
      this.#bus.logger.warn(
        { hook: this.#hook.name, notifications: left },
        'the daemon stopped before a hook received every notification',
      );
  }

  async #run(): Promise<void> {
    for (;;) {
      // Create it before looking at the queue, so that an event that arrives meanwhile ends the
      // wait.
      this.#wake = new AbortController();
      const waitMs = this.#queue.readyInMs(this.#bus.elapsed());
      if (waitMs === undefined || this.#givenUp.signal.aborted) break;
      if (waitMs > 0 && !this.#closing) await sleep(waitMs, undefined, { signal: this.#wake.signal }).catch(() => {});
      else await this.#deliverNext();
    }
    this.#running = undefined;
  }

  async #deliverNext(): Promise<void> {
    const { logger, root } = this.#bus;
    const { name } = this.#hook;
    const dropped = this.#queue.takeDropped();
    if (dropped > 0) logger.warn({ hook: name, dropped }, 'a hook is too slow; its oldest notifications were dropped');
    const next = this.#queue.take();
    if (next === undefined) return;
    const document = documentOf(next, name, root);
    const about = { hook: name, event: next.event, id: next.id, count: next.count };
    try {
      await deliver(this.#hook, document, { logger, signal: this.#givenUp.signal });
      logger.debug(about, 'a hook was notified');
    } catch (error) {
      if (this.#givenUp.signal.aborted) this.#untold++;
      else
        logger.error(
          { ...about, err: error, hint: hintFor(error) },
          'a hook could not be notified; giving up on this notification',
        );
    }
  }
}

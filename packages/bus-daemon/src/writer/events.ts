import { EventEmitter } from 'node:events';
import type { BusEvents, StageName } from '@quantbot/bus-http';
import type { Logger } from '@quantbot/infra';

/** The stages of a batch, in order. */
export const stageNames: readonly StageName[] = ['verify', 'decide', 'store', 'commit', 'publish', 'settle'];

/** Informs the onlookers. An error of one of them is logged and affects nothing else. */
export class Events {
  readonly #emitter = new EventEmitter();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @returns a function that unsubscribes. */
  on<E extends keyof BusEvents>(event: E, listener: (about: BusEvents[E]) => void): () => void {
    const guarded = (about: BusEvents[E]) => {
      try {
        listener(about);
      } catch (error) {
        this.#logger.error({ err: error, event }, 'an onlooker failed; the writer continues');
      }
    };
    this.#emitter.on(event, guarded);
    return () => this.#emitter.off(event, guarded);
  }

  emit<E extends keyof BusEvents>(event: E, about: BusEvents[E]): void {
    this.#emitter.emit(event, about);
  }
}

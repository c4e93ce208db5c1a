import type { LoopHealth } from '@quantbot/bus-http';
import type { Bus } from '../bus.js';

/** Every step of a stage reports progress. Without progress for this long, something hangs. */
const stallMs = 600_000;

/**
 * Detects a loop that hangs in a system call or waits forever. Nothing else notices: the process
 * exists and answers.
 */
export class Pulse {
  readonly #bus: Pick<Bus, 'elapsed' | 'events' | 'now'>;
  #state: Pick<LoopHealth, 'state' | 'sinceMs' | 'cause'>;
  #beatAt: number;
  #rests = false;

  constructor(bus: Pick<Bus, 'elapsed' | 'events' | 'now'>) {
    this.#bus = bus;
    this.#beatAt = bus.elapsed();
    this.#state = { state: 'starting', sinceMs: bus.now(), cause: undefined };
    bus.events.on('stage', () => this.beat());
    bus.events.on('moved', () => {
      this.#beatAt = bus.elapsed(); // may come from a large job beside an idle loop, which stays idle
    });
    bus.events.on('state', ({ state, code, message }) => {
      this.beat();
      const sinceMs = state === this.#state.state ? this.#state.sinceMs : bus.now();
      this.#state = { state, sinceMs, cause: message === null ? undefined : { code, message } };
    });
  }

  /** Records progress. */
  beat(): void {
    this.#beatAt = this.#bus.elapsed();
    this.#rests = false;
  }

  /** Marks the loop as idle. */
  rest(): void {
    this.#rests = true;
  }

  get health(): LoopHealth {
    const mayTakeLong = this.#rests || this.#state.state !== 'running'; // the start may rebuild a table
    const stuckForMs = mayTakeLong ? 0 : this.#bus.elapsed() - this.#beatAt;
    return { ...this.#state, alive: stuckForMs < stallMs, stuckForMs };
  }
}

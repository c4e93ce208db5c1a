import type { Bus } from '../bus.js';
import type { RunState } from '../events.js';

/**
 * Each step of a stage reports that it is done. When nothing has moved for this long, something
 * hangs.
 */
const stallMs = 600_000;

/** How the daemon's loop is, for health checks. */
export interface LoopHealth {
  state: RunState;
  /** When it came into this state (milliseconds since 1970). */
  sinceMs: number;
  /** Why it pauses. */
  cause: { code: string | null; message: string } | undefined;
  /** Whether the loop turns: it waits, pauses, or moves on with its work. */
  alive: boolean;
  /** How long nothing has moved, while there was something to do (milliseconds). */
  stuckForMs: number;
}

/**
 * Feels whether the loop turns. A loop that hangs in a system call or waits for ever is found by
 * nothing else: the process is there, and answers.
 */
export class Pulse {
  readonly #bus: Bus;
  #state: Pick<LoopHealth, 'state' | 'sinceMs' | 'cause'>;
  #beatAt: number;
  #rests = false;

  constructor(bus: Bus) {
    this.#bus = bus;
    this.#beatAt = bus.elapsed();
    this.#state = { state: 'starting', sinceMs: bus.now(), cause: undefined };
    bus.events.on('stage', () => this.beat());
    bus.events.on('moved', () => {
      this.#beatAt = bus.elapsed(); // also of a large job beside a loop that rests, and goes on resting
    });
    bus.events.on('state', ({ state, code, message }) => {
      this.beat();
      const sinceMs = state === this.#state.state ? this.#state.sinceMs : bus.now();
      this.#state = { state, sinceMs, cause: message === null ? undefined : { code, message } };
    });
  }

  /** Something has moved. */
  beat(): void {
    this.#beatAt = this.#bus.elapsed();
    this.#rests = false;
  }

  /** There is nothing to do until something comes. */
  rest(): void {
    this.#rests = true;
  }

  get health(): LoopHealth {
    const mayTakeLong = this.#rests || this.#state.state !== 'running'; // a table may be made again at the start
    const stuckForMs = mayTakeLong ? 0 : this.#bus.elapsed() - this.#beatAt;
    return { ...this.#state, alive: stuckForMs < stallMs, stuckForMs };
  }
}

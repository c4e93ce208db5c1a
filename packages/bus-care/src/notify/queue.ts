import { randomUUID } from 'node:crypto';
import { type Happening, subjectOf } from './happening.js';
import type { Notification } from './notification.js';

/** A notification lists at most this many jobs or exports; beyond that it gives the count. */
export const maxListed = 100;

/** The most notifications that wait for one hook. */
export const maxWaiting = 100;

interface Waiting {
  notification: Notification;
  readyAt: number;
}

/**
 * The events that a hook has not received yet. Waiting rejections become one notification, and so
 * do exports. A pause and its end never wait. Events about one subject keep their order. Memory is
 * bounded.
 */
export class NotificationQueue {
  readonly #groupWaitMs: number;
  #waiting: Waiting[] = [];
  #dropped = 0;

  constructor(groupWaitMs: number) {
    this.#groupWaitMs = groupWaitMs;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** @returns whether the event starts a new notification. */
  add(happening: Happening, now: number): boolean {
    const subject = subjectOf[happening.event];
    const last = this.#waiting.findLast(({ notification }) => subjectOf[notification.event] === subject)?.notification;
    if (subject !== 'daemon' && last?.event === happening.event) {
      last.count++;
      if (last.happenings.length < maxListed) last.happenings.push(happening);
      return false;
    }
    if (this.#waiting.length >= maxWaiting) {
      this.#waiting.shift();
      this.#dropped++;
    }
    const notification = { id: randomUUID(), event: happening.event, count: 1, happenings: [happening] };
    this.#waiting.push({ notification, readyAt: subject === 'daemon' ? now : now + this.#groupWaitMs });
    return true;
  }

  /**
   * Returns the time until {@link take} has a notification (milliseconds); undefined if none waits.
   */
  readyInMs(now: number): number | undefined {
    const first = this.#first();
    return first && Math.max(0, first.readyAt - now);
  }

  /** Takes the group that is most overdue. */
  take(): Notification | undefined {
    const first = this.#first();
    this.#waiting = this.#waiting.filter(waiting => waiting !== first);
    return first?.notification;
  }

  /** Returns the number of notifications dropped since the last call. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  #first(): Waiting | undefined {
    const [first, ...others] = this.#waiting;
    if (first === undefined) return undefined;
    return others.reduce((best, waiting) => (waiting.readyAt < best.readyAt ? waiting : best), first);
  }
}

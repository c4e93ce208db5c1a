import { daemonError } from '@quantbot/bus-format';

const dayMs = 86_400_000;
const slots = 24;

/**
 * Counts the bytes that each owner has sent within a day, by the hour. It does not use the clock of
 * the machine: when that jumps, nobody's bytes count for longer.
 */
export class DailyBytes {
  readonly #now: () => number;
  /** By owner, then by hour. */
  readonly #sent = new Map<string, Map<number, number>>();

  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Counts bytes of an owner, unless they would exceed `max`.
   *
   * @throws DaemonError `UPLOAD_LIMIT`.
   */
  take(owner: string, bytes: number, max: number): void {
    const hour = Math.floor(this.#now() / (dayMs / slots));
    const hours = this.#sent.get(owner) ?? new Map<number, number>();
    for (const old of hours.keys()) if (old <= hour - slots) hours.delete(old);
    const sum = [...hours.values()].reduce((all, some) => all + some, 0);
    if (sum + bytes > max)
      throw daemonError('UPLOAD_LIMIT', `${max} bytes a day are allowed, and ${sum} were sent within a day.`);
    hours.set(hour, (hours.get(hour) ?? 0) + bytes);
    this.#sent.set(owner, hours);
  }
}

/**
 * Items by producer. Producers take turns, and each gives its oldest item. However many items one
 * producer has, another waits for at most one item of each.
 */
export class FairQueue<T> {
  readonly #at: (item: T) => number;
  /** Items of each producer, newest first. The next producer is the first. */
  readonly #groups = new Map<string, T[]>();
  #size = 0;

  /** @param at returns the submission time of an item (milliseconds). */
  constructor(at: (item: T) => number) {
    this.#at = at;
  }

  get size(): number {
    return this.#size;
  }

  get producers(): string[] {
    return [...this.#groups.keys()];
  }

  sizeOf(producer: string): number {
    return this.#groups.get(producer)?.length ?? 0;
  }

  /** The submission time of the oldest item. */
  get oldestAt(): number | undefined {
    const oldest = [...this.#groups.values()].map(group => this.#at(group.at(-1) as T));
    return oldest.length === 0 ? undefined : oldest.reduce((a, b) => Math.min(a, b));
  }

  add(producer: string, items: readonly T[]): void {
    if (items.length === 0) return;
    // New items are mostly in order, which the sort detects in one pass.
    const group = [...items].reverse().concat(this.#groups.get(producer) ?? []);
    this.#groups.set(
      producer,
      group.sort((a, b) => this.#at(b) - this.#at(a)),
    );
    this.#size += items.length;
  }

  /** Removes and returns items in turns; only those of some producers if `of` is given. */
  take(count: number, of: (producer: string) => boolean = () => true): T[] {
    const taken: T[] = [];
    let turns = this.producers.filter(of);
    while (taken.length < count && turns.length > 0) {
      turns = turns.slice(0, count - taken.length);
      for (const producer of turns) taken.push(this.#takeOldest(producer));
      turns = turns.filter(producer => this.#groups.has(producer));
    }
    return taken;
  }

  /** Returns the oldest items of a producer without removing them. */
  peek(producer: string, count: number): T[] {
    return (this.#groups.get(producer) ?? []).slice(-count).reverse();
  }

  /** Removes and returns chosen items of a producer. */
  remove(producer: string, isChosen: (item: T) => boolean): T[] {
    const group = this.#groups.get(producer) ?? [];
    const left = group.filter(item => !isChosen(item));
    const chosen = group.filter(isChosen).reverse();
    this.#size -= chosen.length;
    if (left.length > 0) this.#groups.set(producer, left);
    else this.#groups.delete(producer);
    return chosen;
  }

  /** Takes a producer's oldest item. Its next turn comes after all others. */
  #takeOldest(producer: string): T {
    const group = this.#groups.get(producer) as T[];
    const oldest = group.pop() as T;
    this.#groups.delete(producer);
    if (group.length > 0) this.#groups.set(producer, group);
    this.#size--;
    return oldest;
  }
}

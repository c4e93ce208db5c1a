/**
 * What waits, by producer. Each producer gets a turn, one after another, and gives its oldest:
 * however much one has, another's waits for no more than one of each producer's.
 */
export class FairQueue<T> {
  readonly #at: (item: T) => number;
  /** Of each producer, newest first. Whose turn is next comes first. */
  readonly #groups = new Map<string, T[]>();
  #size = 0;

  /** @param at when an item was submitted (milliseconds). */
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

  /** When the oldest was submitted. */
  get oldestAt(): number | undefined {
    const oldest = [...this.#groups.values()].map(group => this.#at(group.at(-1) as T));
    return oldest.length === 0 ? undefined : Math.min(...oldest);
  }

  add(producer: string, items: readonly T[]): void {
    if (items.length === 0) return;
    // What came together is in order; the sort finds that out in one pass.
    const group = [...items].reverse().concat(this.#groups.get(producer) ?? []);
    this.#groups.set(
      producer,
      group.sort((a, b) => this.#at(b) - this.#at(a)),
    );
    this.#size += items.length;
  }

  /** Takes out so many, in turns; only of some producers, if `of` is given. */
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

  /** The oldest of a producer, which stay. */
  peek(producer: string, count: number): T[] {
    return (this.#groups.get(producer) ?? []).slice(-count).reverse();
  }

  /** Takes out those of a producer that are chosen. */
  remove(producer: string, isChosen: (item: T) => boolean): T[] {
    const group = this.#groups.get(producer) ?? [];
    const left = group.filter(item => !isChosen(item));
    const chosen = group.filter(isChosen).reverse();
    this.#size -= chosen.length;
    if (left.length > 0) this.#groups.set(producer, left);
    else this.#groups.delete(producer);
    return chosen;
  }

  /** The producer's next turn is after everybody else's. */
  #takeOldest(producer: string): T {
    const group = this.#groups.get(producer) as T[];
    const oldest = group.pop() as T;
    this.#groups.delete(producer);
    if (group.length > 0) this.#groups.set(producer, group);
    this.#size--;
    return oldest;
  }
}

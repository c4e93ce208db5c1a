import { hash } from 'node:crypto';

/** The part of a journalled artifact that the write-once check needs. */
export interface KnownArtifact {
  seq: number;
  sha256: string;
  /** Where it is stored. */
  relPath: string;
  /** The hint with which it came: its table does not change. */
  schemaHint: string | null;
  /** Whether it came into quarantine. */
  isQuarantined: boolean;
  /** Set while it is forgotten: whether its rows stay in its table, or leave it. */
  gone?: Gone | undefined;
}

/** How an artifact was forgotten. */
export type Gone = 'forgotten' | 'erased';

const hashDigits = 12;

/** {@link hashOf} as SQL over a column of keys. */
export const hashSql = (column: string): string =>
  `CAST(CAST('0x' || sha256(${column})[1:${hashDigits}] AS BIGINT) AS DOUBLE)`;

/** 48 bits of a key's hash, as a number. */
export const hashOf = (key: string): number => Number.parseInt(hash('sha256', key).slice(0, hashDigits), 16);

const smallest = 1024;
const free = -1;

/**
 * The hashes of all keys in the journal: 16 bytes a key. A key that is missing here was never
 * committed. For a key that is here, query the journal, because two keys may share a hash.
 */
export class KnownKeys {
  #slots = new Float64Array(smallest).fill(free);
  #size = 0;

  has(key: string): boolean {
    return this.#slots[this.#slotOf(hashOf(key))] !== free;
  }

  add(hashed: number): void {
    if (this.#size * 2 >= this.#slots.length) this.#grow();
    const slot = this.#slotOf(hashed);
    if (this.#slots[slot] === free) this.#size++;
    this.#slots[slot] = hashed;
  }

  /** Returns the slot of a hash. */
  #slotOf(hashed: number): number {
    const last = this.#slots.length - 1;
    let slot = hashed % this.#slots.length;
    while (this.#slots[slot] !== free && this.#slots[slot] !== hashed) slot = slot === last ? 0 : slot + 1;
    return slot;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Float64Array(old.length * 2).fill(free);
    for (const hashed of old) if (hashed !== free) this.#slots[this.#slotOf(hashed)] = hashed;
  }
}

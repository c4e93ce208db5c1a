import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { listFiles } from '../tree.js';
import type { LakeReader } from './lake.js';

const lookEveryMs = 250;

/**
 * Watches a cluster while faults hit it: a receipt comes after its job can be seen, and a stored
 * object never changes. It notes which ones go.
 */
export class Observer {
  readonly problems: string[] = [];
  /** Objects of the store that went. */
  readonly gone = new Set<string>();
  /** How many receipts were compared with what readers saw. */
  receipts = 0;
  /** How often the reader that attached first could not read. */
  failedReads = 0;
  readonly #objects: string;
  readonly #reader: LakeReader;
  readonly #seen = new Set<string>();
  readonly #stored = new Map<string, string>();
  #stopped = false;
  #watching: Promise<void> | undefined;

  constructor(objects: string, reader: LakeReader) {
    this.#objects = objects;
    this.#reader = reader;
  }

  start(): void {
    this.#watching = this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#watching;
    this.#lookIntoStore();
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      this.#lookIntoStore();
      await this.#lookAtReceipts();
      await sleep(lookEveryMs);
    }
  }

  /** The receipts are listed first: what they name must be there when the lake is asked. */
  async #lookAtReceipts(): Promise<void> {
    const fresh = this.#names('receipts').filter(name => !this.#seen.has(name));
    if (fresh.length === 0) return;
    const receipts = fresh.map(name => JSON.parse(readFileSync(join(this.#objects, 'receipts', name), 'utf8')));
    let last: number;
    try {
      const [row] = await this.#reader.query('SELECT max(seq) AS seq FROM catalog.jobs_f');
      last = Number(row?.seq ?? 0);
    } catch {
      this.failedReads++; // PostgreSQL is away: the same receipts are looked at again
      return;
    }
    for (const name of fresh) this.#seen.add(name);
    this.receipts += fresh.length;
    for (const { job_id, seq } of receipts as { job_id: string; seq: number }[])
      if (seq > last) this.problems.push(`${job_id}: its receipt names seq ${seq}, but readers see ${last}`);
  }

  #lookIntoStore(): void {
    const now = new Map<string, string>();
    for (const name of this.#names('store')) {
      const identity = this.#identityOf(name);
      if (identity !== undefined) now.set(name, identity);
    }
    for (const [name, identity] of this.#stored)
      if (now.get(name) !== identity) {
        // Who forgets an artifact may submit it again: the object goes, and comes again.
        this.gone.add(`store/${name}`);
        this.#stored.delete(name);
      }
    for (const [name, identity] of now) this.#stored.set(name, identity);
  }

  /** Returns undefined for an object that was removed since it was listed. */
  #identityOf(name: string): string | undefined {
    const found = statSync(join(this.#objects, 'store', name), { throwIfNoEntry: false });
    return found && `${found.ino} ${found.size} ${found.mtimeMs}`;
  }

  #names(place: string): string[] {
    const folder = join(this.#objects, place);
    while (existsSync(folder)) {
      try {
        return listFiles(folder).filter(name => !/(^|\/)\./.test(name));
      } catch (error) {
        // A folder below was removed with its last object: list again.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
    return [];
  }
}

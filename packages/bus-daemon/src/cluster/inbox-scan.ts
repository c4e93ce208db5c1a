import type { ListedObject, Objects } from '@quantbot/infra/objects';

/** So many entries are read at once. */
const pageSize = 1000;
/** Between entries that are no submissions, the scan looks further for real ones. */
const oddPageSize = 10_000;
const maxOddPages = 10;
const submissionName = /^inbox\/[A-Za-z0-9][A-Za-z0-9._-]{0,99}~[0-9a-f]{16}(~\d{1,15})?\.json$/;

/** Reads the inbox page by page. The pages take turns, so that no entry waits for ever. */
export class InboxScan {
  readonly #objects: Pick<Objects, 'list'>;
  readonly #limit: number;
  /** Where the next look begins. */
  #cursor: string | undefined;
  /** When the oldest entry of the last look was written. */
  oldestMs: number | undefined;
  /** Whether the last look covered the whole inbox and found nothing, for other daemons either. */
  isEmpty = false;

  /** @param maxJobs the most entries of one look. */
  constructor(objects: Pick<Objects, 'list'>, maxJobs: number) {
    this.#objects = objects;
    this.#limit = Math.min(pageSize, maxJobs);
  }

  /**
   * Returns the next entries. Only a few entries with names that no submission has are among them:
   * each costs a rejection, and real jobs must not wait for them.
   *
   * @param inHand keys that this daemon has already.
   */
  async next(inHand: ReadonlySet<string>): Promise<ListedObject[]> {
    const limit = this.#limit;
    const isWhole = this.#cursor === undefined;
    const found: ListedObject[] = [];
    const odd: ListedObject[] = [];
    this.oldestMs = undefined;
    for (let pages = 0, size = limit; pages < maxOddPages; pages++, size = oddPageSize) {
      const after = this.#cursor === undefined ? {} : { after: this.#cursor };
      const page = await this.#objects.list('inbox/', { ...after, limit: size });
      const oddBefore = odd.length;
      for (const entry of page) {
        this.#cursor = entry.key;
        this.oldestMs = Math.min(this.oldestMs ?? entry.modifiedAtMs, entry.modifiedAtMs);
        if (inHand.has(entry.key) || !isRemovable(entry.key)) continue;
        (submissionName.test(entry.key) ? found : odd).push(entry);
        if (found.length === limit) break;
      }
      if (found.length === limit) break;
      if (page.length < size) this.#cursor = undefined;
      if (page.length < size || odd.length === oddBefore) break;
    }
    this.isEmpty = isWhole && this.#cursor === undefined && found.length + odd.length === 0;
    return [...found, ...odd.slice(0, found.length === 0 ? limit : limit / 8)];
  }
}

/** A folder's own entry, and keys with parts such as `..`, cannot be submissions. */
const isRemovable = (key: string): boolean => !key.split('/').some(part => ['', '.', '..'].includes(part));

import { isRemovable, type ListedObject, type Objects } from '@quantbot/infra/objects';

/** The entries of one look: one request to S3. */
const pageSize = 1000;
/** The size of further pages, if there are entries that are no submissions. */
const oddPageSize = 10_000;
const maxOddPages = 10;
const submissionName = /^inbox\/[A-Za-z0-9][A-Za-z0-9._-]{0,99}~[0-9a-f]{16}(~\d{1,15})?\.json$/;

/** Entries that a daemon may take. */
export interface Found {
  /** Entries in the order in which to take them. */
  entries: ListedObject[];
  /** The number to take at most. */
  limit: number;
}

/**
 * Reads the inbox page by page, and prefers the oldest entries of a page. A look covers more
 * entries than a batch takes. So the scan reaches the end of the inbox, however fast jobs arrive.
 */
export class InboxScan {
  readonly #objects: Pick<Objects, 'list'>;
  readonly #limit: number;
  /** The key after which the next look begins. */
  #cursor: string | undefined;
  /** The time of the oldest entry of the last look (milliseconds). */
  oldestMs: number | undefined;
  /** Whether the last look covered the whole inbox and found nothing, for other daemons either. */
  isEmpty = false;

  /** @param maxJobs the largest number of jobs in a batch. */
  constructor(objects: Pick<Objects, 'list'>, maxJobs: number) {
    this.#objects = objects;
    this.#limit = Math.min(pageSize / 2, maxJobs);
  }

  /**
   * Returns the next entries. Only a few entries with names that no submission has are among them:
   * each costs a rejection, and real jobs must not wait for them.
   *
   * @param inHand keys of the jobs that this daemon works on.
   */
  async next(inHand: ReadonlySet<string>): Promise<Found> {
    const isWhole = this.#cursor === undefined;
    const jobs: ListedObject[] = [];
    const odd: ListedObject[] = [];
    this.oldestMs = undefined;
    for (let pages = 0, size = pageSize; pages < maxOddPages; pages++, size = oddPageSize) {
      const after = this.#cursor === undefined ? {} : { after: this.#cursor };
      const page = await this.#objects.list('inbox/', { ...after, limit: size });
      const oddBefore = odd.length;
      for (const entry of page) {
        this.oldestMs = Math.min(this.oldestMs ?? entry.modifiedAtMs, entry.modifiedAtMs);
        // A folder's own entry, and keys with parts such as `..`, cannot be submissions.
        if (inHand.has(entry.key) || !isRemovable(entry.key)) continue;
        (submissionName.test(entry.key) ? jobs : odd).push(entry);
      }
      this.#cursor = page.length < size ? undefined : page.at(-1)?.key;
      if (this.#cursor === undefined || jobs.length >= this.#limit || odd.length === oddBefore) break;
    }
    this.isEmpty = isWhole && this.#cursor === undefined && jobs.length + odd.length === 0;
    const few = jobs.length === 0 ? this.#limit : Math.ceil(this.#limit / 8);
    const junk = odd.sort(byAge).slice(0, few);
    return { entries: [...junk, ...jobs.sort(byAge).slice(0, pageSize)], limit: junk.length + this.#limit };
  }
}

/** Two daemons that see the same entries list them in the same order. */
const byAge = (a: ListedObject, b: ListedObject): number => a.modifiedAtMs - b.modifiedAtMs || (a.key < b.key ? -1 : 1);

import { randomUUID } from 'node:crypto';
import { daemonError } from '@quantbot/bus-format';
import { type GcState, gcStateSchema, type ScrubState, scrubStateSchema } from '@quantbot/bus-format/state';
import type { Queries } from './postgres/postgres.js';

/** A killed scrub holds up the next one for this long. */
const heldS = 60;

/** Returns the state of the newest scrub of a cluster; undefined if there was none. */
export const readClusterScrub = (queries: Queries): Promise<ScrubState | undefined> =>
  readUpkeep(queries, 'scrub', scrubStateSchema);

/** Returns the result of the last garbage collection of a cluster; undefined if none has ended. */
export const readClusterGc = (queries: Queries): Promise<GcState | undefined> =>
  readUpkeep(queries, 'gc', gcStateSchema);

async function readUpkeep<T>(
  queries: Queries,
  work: string,
  schema: { parse(state: unknown): T },
): Promise<T | undefined> {
  const [row] = await queries.query<{ state: string | null }>('SELECT state FROM bus.upkeep WHERE work = $1', [work]);
  return row?.state == null ? undefined : schema.parse(JSON.parse(row.state));
}

/** Records what a garbage collection has removed. */
export async function writeClusterGc(queries: Queries, state: GcState): Promise<void> {
  await queries.query(`UPDATE bus.upkeep SET state = $1 WHERE work = 'gc'`, [JSON.stringify(state)]);
}

/** The right to scrub a cluster, and to write the state of the scrub. */
export class HeldScrub {
  readonly #queries: Queries;
  readonly #holder = randomUUID();
  readonly #renewal: NodeJS.Timeout;

  private constructor(queries: Queries) {
    this.#queries = queries;
    this.#renewal = setInterval(() => void this.#hold().catch(() => {}), (heldS * 1000) / 3).unref();
  }

  /** @throws DaemonError `SCRUB_BUSY` while another process scrubs the same bus. */
  static async hold(queries: Queries): Promise<HeldScrub> {
    const held = new HeldScrub(queries);
    if (await held.#hold()) return held;
    clearInterval(held.#renewal);
    throw busy();
  }

  /** @throws DaemonError `SCRUB_BUSY` if another process has taken over. */
  async write(state: ScrubState): Promise<void> {
    if (!(await this.#hold(state))) throw busy();
  }

  async release(): Promise<void> {
    clearInterval(this.#renewal);
    await this.#queries.query(`UPDATE bus.upkeep SET holder = NULL WHERE work = 'scrub' AND holder = $1`, [
      this.#holder,
    ]);
  }

  async #hold(state?: ScrubState): Promise<boolean> {
    const held = await this.#queries.query(
      `UPDATE bus.upkeep SET holder = $1, held_until = now() + make_interval(secs => $2), state = coalesce($3, state)
       WHERE work = 'scrub' AND (holder IS NULL OR holder = $1 OR held_until < now()) RETURNING work`,
      [this.#holder, heldS, state === undefined ? null : JSON.stringify(state)],
    );
    return held.length > 0;
  }
}

const busy = () => daemonError('SCRUB_BUSY', 'Another process is scrubbing this cluster.');

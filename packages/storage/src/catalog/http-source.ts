import { askServer, ServerError, withRetries } from '@quantbot/infra';
import type { Params } from '../duckdb/bind.js';
import { waitFor } from '../duckdb/run.js';
import { storageError } from '../errors.js';
import type { QueryOptions } from '../open-duckdb.js';
import { answered, unanswered } from '../served-error.js';
import { emptyRecordFor } from '../types/decode.js';
import { type Row, resolveMapping } from '../types/mapping.js';
import { decodeValue, encodeValue } from '../types/wire-values.js';

/** The catalog behind the server of a daemon. Its queries run one after the other. */
export class HttpSource {
  /** Commits elsewhere are no events of a folder here. */
  readonly isElsewhere = true;
  readonly #root: string;
  readonly #asOf: number | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  private constructor(root: string, asOf: number | undefined) {
    this.#root = root;
    this.#asOf = asOf;
  }

  /**
   * Opens the catalog, now or after a job, and asks it once, so that a wrong address or token shows
   * at once.
   *
   * @throws StorageError `READ_FAILED`, and those of a query; BusError `BUS_DENIED`.
   */
  static async open(root: string, asOf?: number): Promise<HttpSource> {
    const source = new HttpSource(root, asOf);
    await source.query('SELECT bus_root FROM catalog.bus_info');
    return source;
  }

  async query<R = Row>(sql: string, params?: Params, { signal, ...mapping }: QueryOptions = {}): Promise<R[]> {
    if (this.#isClosed) throw storageError('CLOSED', 'The catalog was closed.');
    const question = {
      sql,
      params: params === undefined ? undefined : JSON.stringify(encodeValue(params)),
      asOf: this.#asOf,
      mapping: resolveMapping(mapping),
    };
    const before = this.#turn;
    const result = waitFor(before, signal).then(() => this.#ask(JSON.stringify(question), signal));
    this.#turn = Promise.allSettled([before, result]);
    return rowsIn(await result) as R[];
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#turn;
  }

  async #ask(question: string, signal: AbortSignal | undefined): Promise<string> {
    const headers = { 'Content-Type': 'application/json' };
    const body = new TextEncoder().encode(question);
    try {
      return await withRetries(async () => {
        signal?.throwIfAborted();
        const answer = await askServer(this.#root, { method: 'POST', path: '/api/v1/rows', headers, body, signal });
        return answer.text();
      });
    } catch (error) {
      throw signal?.aborted ? signal.reason : this.#described(error);
    }
  }

  #described(error: unknown): unknown {
    if (!(error instanceof ServerError)) return unanswered(this.#root, error as Error);
    return answered(error, error.status < 500 ? 'QUERY_FAILED' : 'READ_FAILED');
  }
}

function rowsIn(text: string): Row[] {
  const { names, rows } = JSON.parse(text) as { names: string[]; rows: unknown[][] };
  const empty = emptyRecordFor(names);
  return rows.map(values => {
    const row: Row = empty();
    for (const [index, name] of names.entries()) row[name] = decodeValue(values[index]);
    return row;
  });
}

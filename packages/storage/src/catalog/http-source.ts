import { CodedError } from '@quantbot/infra';
import { askServer, readingFrom, ServerError } from '@quantbot/infra/bus';
import type { Params } from '../duckdb/bind.js';
import { waitFor } from '../duckdb/run.js';
import { storageError } from '../errors.js';
import type { QueryOptions } from '../open-duckdb.js';
import { answered, unanswered } from '../served-error.js';
import { emptyRecordFor } from '../types/decode.js';
import { type Row, resolveMapping, type TypeMapping } from '../types/mapping.js';
import { decodeValue, encodeValue } from '../types/wire-values.js';
import { largeAnswer } from './large-answer.js';

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
    const resolved = resolveMapping(mapping);
    const question = {
      sql,
      params: params === undefined ? undefined : JSON.stringify(encodeValue(params)),
      asOf: this.#asOf,
    };
    const before = this.#turn;
    const result = waitFor(before, signal)
      .then(() => this.#ask(question, resolved, signal))
      .catch(error => {
        throw signal?.aborted ? signal.reason : this.#described(error);
      });
    this.#turn = Promise.allSettled([before, result]);
    return (await result) as R[];
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#turn;
  }

  /** Asks for the rows at once, or through a file if they are too many. */
  async #ask(question: object, mapping: Required<TypeMapping>, signal: AbortSignal | undefined): Promise<Row[]> {
    const headers = { 'Content-Type': 'application/json' };
    const body = new TextEncoder().encode(JSON.stringify({ ...question, mapping }));
    try {
      const request = { method: 'POST', path: '/api/v1/rows', headers, body, signal };
      const ask = async () => (await askServer(this.#root, request)).text();
      const text = await readingFrom(this.#root, ask, { signal });
      return rowsIn(text);
    } catch (error) {
      if (!(error instanceof ServerError) || error.code !== 'ANSWER_TOO_LARGE') throw error;
      return largeAnswer(this.#root, { body: JSON.stringify(question), mapping, signal });
    }
  }

  #described(error: unknown): unknown {
    if (error instanceof CodedError) return error;
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

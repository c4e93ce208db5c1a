import type { CatalogAnswer, CatalogQuestion, RowsQuestion, SelectAnswer } from '@quantbot/duckdb-process';
import type { ArtifactDiff, RowOptions, Side } from '@quantbot/duckdb-process/diff';
import type { Registry } from 'prom-client';
import type { Access } from './access/access.js';
import type { Answers } from './answers.js';
import type { Gauges } from './metrics/gauges.js';
import type { History } from './metrics/history.js';
import type { Uploads } from './uploads/uploads.js';
import type { LoopView } from './view/loop-view.js';
import type { VisibleBus } from './view/visible-bus.js';

/** The shared state of the routes. */
export interface HttpContext {
  bus: VisibleBus;
  loop: LoopView;
  gauges: Gauges;
  history: History;
  metrics: Registry;
  reader: Reader;
  answers: Answers;
  access: Access;
  uploads: Uploads;
}

/** Queries DuckDB in another process, so that no query can harm the daemon. */
export interface Reader {
  catalog<Q extends CatalogQuestion>(question: Q): Promise<CatalogAnswer<Q>>;
  /**
   * Returns the first rows of an untrusted SELECT. `left` ends it.
   *
   * @param options.asOf a seq.
   * @param options.file the file or object that it shows: it fails if DuckDB would change a
   * value of it.
   */
  select(
    sql: string,
    maxRows: number,
    left: AbortSignal,
    options?: { asOf?: number | undefined; file?: string | undefined },
  ): Promise<SelectAnswer>;
  /** Compares two artifacts. `left` ends it. */
  diff(one: Side, other: Side, options: RowOptions, left: AbortSignal): Promise<ArtifactDiff>;
  /** Returns all rows of an untrusted SELECT, as the text of the response. `left` ends it. */
  rows(question: RowsQuestion, left: AbortSignal): Promise<string>;
}

import { type CatalogAnswer, type CatalogQuestion, WorkerProcess } from '@quantbot/duckdb-process';
import { atMost } from './at-most.js';
import type { Reader } from './context.js';
import type { VisibleBus } from './view/visible-bus.js';

const catalogTimeoutMs = 20_000;
const selectTimeoutMs = 10_000;
const selectMemoryMb = 512;
const selectMaxSpillMb = 1024;
/** Limits what DuckDB does not count, such as one large value. */
const selectMaxProcessMb = 2048;
const selectMaxBytes = 4 * 1024 * 1024;
const idleMs = 300_000;

/**
 * Opens a {@link Reader} with two processes: one for the catalog, and one for SQL that users type.
 * Typed SQL can crash only its own process.
 */
export function openReader({
  catalog: catalogOf,
  spillIn,
}: Pick<VisibleBus, 'catalog' | 'spillIn'>): Reader & { close(): void } {
  const catalog = new WorkerProcess('catalog', { idleMs, spillIn });
  const select = new WorkerProcess('select', { idleMs, spillIn, maxMemoryMb: selectMaxProcessMb });
  const fewQuestions = atMost(16, 0);
  // A page that is left does not end its query, and the next page has one too.
  const fewSelects = atMost(2, 2);
  return {
    catalog: <Q extends CatalogQuestion>(question: Q) =>
      fewQuestions(
        async () =>
          (await catalog.request(
            { task: 'catalog', database: await catalogOf(), question },
            catalogTimeoutMs,
          )) as CatalogAnswer<Q>,
      ),
    select: (sql, maxRows) =>
      fewSelects(async () =>
        select.request(
          {
            task: 'select',
            database: await catalogOf(),
            sql,
            maxRows,
            maxBytes: selectMaxBytes,
            timeoutMs: selectTimeoutMs,
            memoryMb: selectMemoryMb,
            maxSpillMb: selectMaxSpillMb,
          },
          selectTimeoutMs + 5_000,
        ),
      ),
    close: () => {
      catalog.close();
      select.close();
    },
  };
}

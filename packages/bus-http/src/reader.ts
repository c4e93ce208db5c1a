import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import {
  type CatalogAnswer,
  type CatalogQuestion,
  queryMemoryMb,
  queryProcessMb,
  WorkerProcess,
  withLocalSides,
} from '@quantbot/duckdb-process';
import { atMost } from './at-most.js';
import type { Reader } from './context.js';
import type { VisibleBus } from './view/visible-bus.js';

const catalogTimeoutMs = 20_000;
const selectTimeoutMs = 10_000;
const selectMaxSpillMb = 1024;
const selectMaxBytes = 4 * 1024 * 1024;
const rowsTimeoutMs = 20_000;
const diffTimeoutMs = 60_000;
const diffMaxSpillMb = 4096;
const maxRows = 100_000;
const idleMs = 300_000;

/**
 * Opens a {@link Reader} with a process each for the catalog, for SQL that users type, for SQL of
 * programs, and for comparisons. Each can crash only its own process.
 */
export function openReader({
  catalog: catalogOf,
  config,
  spillIn,
}: Pick<VisibleBus, 'catalog' | 'config' | 'spillIn'>): Reader & { close(): void } {
  const memoryMb = queryMemoryMb(config.limits);
  const bounds = { idleMs, spillIn, maxMemoryMb: queryProcessMb(config.limits) };
  const catalog = new WorkerProcess('catalog', { idleMs, spillIn });
  const select = new WorkerProcess('select', bounds);
  const rows = new WorkerProcess('rows', bounds);
  const diffs = new WorkerProcess('diff', { ...bounds, idleMs: 0, niceness: 5 });
  const fewQuestions = atMost(16, 0);
  const fewSelects = atMost(2, 2);
  // Programs wait for one answer before the next question.
  const fewRows = atMost(2, 16);
  const oneDiff = atMost(1, 4);
  return {
    catalog: <Q extends CatalogQuestion>(question: Q) =>
      fewQuestions(
        async () =>
          (await catalog.request(
            { task: 'catalog', database: await catalogOf(), question },
            catalogTimeoutMs,
          )) as CatalogAnswer<Q>,
      ),
    select: (sql, maxRows, left, { asOf, file } = {}) =>
      fewSelects(async () =>
        select.request(
          {
            task: 'select',
            database: await catalogOf(),
            sql,
            ...(asOf !== undefined && { asOf }),
            ...(file !== undefined && { file, s3: config.cluster?.s3 }),
            maxRows,
            maxBytes: selectMaxBytes,
            timeoutMs: selectTimeoutMs,
            memoryMb,
            maxSpillMb: selectMaxSpillMb,
          },
          selectTimeoutMs + 5_000,
          left,
        ),
      ),
    rows: (question, left) =>
      fewRows(async () =>
        rows.request(
          {
            ...question,
            task: 'rows',
            database: await catalogOf(),
            maxRows,
            maxBytes: selectMaxBytes,
            timeoutMs: rowsTimeoutMs,
            memoryMb,
            maxSpillMb: selectMaxSpillMb,
          },
          rowsTimeoutMs + 5_000,
          left,
        ),
      ),
    diff: (left, right, options, gone) =>
      oneDiff(() =>
        withLocalSides(
          { left, right },
          { folder: join(spillIn, `diff-${randomUUID()}`), s3: config.cluster?.s3, signal: gone },
          sides =>
            diffs.request(
              {
                ...options,
                ...sides,
                task: 'diff',
                maxBytes: selectMaxBytes,
                timeoutMs: diffTimeoutMs,
                memoryMb,
                maxSpillMb: diffMaxSpillMb,
              },
              diffTimeoutMs + 5_000,
              gone,
            ),
        ),
      ),
    close: () => {
      diffs.close();
      catalog.close();
      select.close();
      rows.close();
    },
  };
}

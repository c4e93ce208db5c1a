import { literal } from '@quantbot/bus-format';
import type { PublicSchema, ViewStatement } from '@quantbot/bus-format/views';
import type { WorkerProcess } from '@quantbot/duckdb-process';
import type { ConfiguredView } from '@quantbot/infra/config';
import { foldersOfDaemon } from '@quantbot/storage/sandbox';
import type { Bus } from '../bus.js';

/** A view of the configuration, with the problem if it could not be created. */
export interface CheckedView extends ConfiguredView {
  problem: string | null;
}

const timeoutMs = 30_000;

/**
 * Finds out which configured views can be created over the public schema. A worker process tries
 * them, because some SQL crashes DuckDB. After a crash it tries them one by one, so that the other
 * views are not lost. No view ever stops a publication.
 */
export async function checkViews(bus: Bus, checker: WorkerProcess, schema: () => PublicSchema): Promise<CheckedView[]> {
  const { views } = bus.config.publish;
  if (views.length === 0) return [];
  const { before, views: made, after } = schema();
  const setup = [...before, ...made.map(({ statement }) => statement), ...after];
  const ask = (asked: readonly ConfiguredView[]) =>
    checker.request(
      {
        task: 'views',
        setup,
        views: [...asked],
        readable: foldersOfDaemon(bus.layout, bus.config.export.exportDir),
      },
      timeoutMs,
    );
  try {
    const problems = await ask(views);
    return views.map((view, index) => ({ ...view, problem: problems[index] ?? null }));
  } catch {
    const checked: CheckedView[] = [];
    for (const view of views) {
      const good = checked.filter(({ problem }) => problem === null);
      const problem = await ask([...good, view]).then(
        problems => problems.at(-1) ?? null,
        (error: Error) => error.message,
      );
      checked.push({ ...view, problem });
    }
    return checked;
  }
}

/** Returns `catalog.views_d`: the configured views and their problems. */
export function viewsTable(views: readonly CheckedView[]): ViewStatement {
  const rows = views.map(
    ({ name, sql, problem }) =>
      `SELECT ${literal(name)}, ${literal(sql)}, ${problem === null}, ${problem === null ? 'NULL' : literal(problem)}`,
  );
  const none =
    'SELECT CAST(NULL AS VARCHAR) AS name, CAST(NULL AS VARCHAR) AS sql, CAST(NULL AS BOOLEAN) AS ok, CAST(NULL AS VARCHAR) AS error WHERE false';
  const name = 'catalog.views_d';
  return { name, statement: `CREATE VIEW ${name} AS ${[none, ...rows].join(' UNION ALL ')}` };
}

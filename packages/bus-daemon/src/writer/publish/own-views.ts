import { literal } from '@quantbot/bus-format';
import type { PublicSchema, ViewStatement } from '@quantbot/bus-format/views';
import type { WorkerProcess } from '@quantbot/duckdb-process';
import type { ConfiguredView } from '@quantbot/infra/config';
import { foldersOfDaemon } from '@quantbot/storage/sandbox';
import type { Bus } from '../bus.js';

/** A view of the configuration, and why it could not be made, if it could not. */
export interface CheckedView extends ConfiguredView {
  problem: string | null;
}

const timeoutMs = 30_000;

/**
 * Which views of the configuration can be made over the public schema. They are tried in a worker
 * process, which an SQL text that crashes DuckDB takes down instead of the daemon; then one by one,
 * so that the others are not lost with it. No view ever stops a publication.
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

/** `catalog.views_d`: the views of the configuration, and how they are. */
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

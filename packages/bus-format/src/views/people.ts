import { foldName } from '@quantbot/infra/bus';
import { identifier } from '../sql.js';
import type { ViewStatement } from './views.js';

/** The comment that marks the bus's own views in `main`. */
export const ownViewComment = 'a view of the bus';

/** Views of the catalog that `main` has under plain names. */
const plainNames: Readonly<Record<string, string>> = {
  artifacts: 'artifacts_f',
  latest_artifacts: 'latest_artifacts_v',
  jobs: 'jobs_f',
  runs: 'runs_d',
  lineage: 'lineage_v',
  datasets: 'datasets_d',
  aliases: 'aliases_v',
  exports: 'exports_d',
};

/**
 * Returns the views of `main`, which `SHOW TABLES` and database tools list: the canonical tables,
 * and the catalog under plain names. A canonical table comes before a view of the catalog, and a
 * view of the configuration before both.
 *
 * @param configured names of the views of the configuration: `main.trades`.
 */
export function viewsForPeople(tables: readonly string[], configured: readonly string[]): ViewStatement[] {
  const taken = new Set(configured.map(foldName));
  const sources = new Map(Object.entries(plainNames).map(([name, view]) => [name, `catalog.${view}`]));
  for (const table of tables) sources.set(table, `canon.${identifier(table)}`);
  return [...sources]
    .filter(([name]) => !taken.has(`main.${name}`))
    .map(([name, source]) => {
      const view = `main.${identifier(name)}`;
      return { name: view, statement: `CREATE VIEW ${view} AS SELECT * FROM ${source}`, comment: ownViewComment };
    });
}

import { readSpace } from '@quantbot/bus-format';
import { type Catalog, openCatalog } from '@quantbot/storage';
import type { CatalogQuestion, CatalogTask } from './protocol.js';

let open: { of: string; catalog: Promise<Catalog> } | undefined;

/** Answers a question; the catalog stays open for the next one. */
export async function askCatalog({ database, question }: CatalogTask): Promise<unknown> {
  const of = JSON.stringify(database);
  if (open?.of !== of) {
    // The question is about another bus, or has new credentials.
    open?.catalog.then(before => before.close()).catch(() => {});
    const catalog = openCatalog(typeof database === 'string' ? { duckdbPath: database } : { lake: database });
    open = { of, catalog };
    catalog.catch(() => {
      open = undefined; // opening failed: the next question tries again
    });
  }
  return answer(await open.catalog, question);
}

async function answer(catalog: Catalog, question: CatalogQuestion): Promise<unknown> {
  switch (question.ask) {
    case 'jobs':
      return catalog.jobs(filterOf(question));
    case 'job':
      return catalog.job(question.jobId);
    case 'artifacts':
      return catalog.artifacts(filterOf(question));
    case 'runs':
      return catalog.runs(filterOf(question));
    case 'lineage':
      return catalog.lineage(question.key, { direction: question.direction, depth: question.depth });
    case 'tables':
      return catalog.query('SELECT * FROM catalog.tables_d ORDER BY table_name');
    case 'space':
      return readSpace(catalog, new Date());
  }
}

const filterOf = <Question extends CatalogQuestion>({ ask: _ask, ...filter }: Question): Omit<Question, 'ask'> =>
  filter;

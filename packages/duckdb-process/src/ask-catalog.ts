import { type Catalog, openCatalog } from '@quantbot/storage';
import type { CatalogQuestion, CatalogTask } from './protocol.js';

let open: { path: string; catalog: Promise<Catalog> } | undefined;

/** Answers a question; the catalog stays open for the next one. */
export async function askCatalog({ duckdbPath, question }: CatalogTask): Promise<unknown> {
  if (open?.path !== duckdbPath) {
    const catalog = openCatalog({ duckdbPath });
    open = { path: duckdbPath, catalog };
    catalog.catch(() => {
      open = undefined; // not there yet: the next one looks again
    });
  }
  return answer(await open.catalog, question);
}

async function answer(catalog: Catalog, question: CatalogQuestion): Promise<unknown> {
  switch (question.ask) {
    case 'jobs':
      return catalog.jobs(question);
    case 'job':
      return catalog.job(question.jobId);
    case 'artifacts':
      return catalog.artifacts(question);
    case 'runs':
      return catalog.runs(question);
    case 'lineage':
      return catalog.lineage(question.key, { direction: question.direction, depth: question.depth });
    case 'tables':
      return catalog.query('SELECT * FROM catalog.tables_d ORDER BY table_name');
  }
}

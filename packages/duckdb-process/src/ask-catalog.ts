import {
  type ArtifactFilter,
  type ArtifactRecord,
  type Catalog,
  type JobFilter,
  type JobRecord,
  type Lineage,
  type LineageOptions,
  openCatalog,
  type Row,
  type RunFilter,
  type RunRecord,
} from '@quantbot/storage';
import type { CatalogTask } from './protocol.js';

/** What there is to ask, and what is answered. */
interface Questions {
  jobs: { about: JobFilter; answer: JobRecord[] };
  job: { about: { jobId: string }; answer: JobRecord | undefined };
  artifacts: { about: ArtifactFilter; answer: ArtifactRecord[] };
  runs: { about: RunFilter; answer: RunRecord[] };
  lineage: { about: LineageOptions & { key: string }; answer: Lineage };
  tables: { about: object; answer: Row[] };
}

/** One question of the catalog. */
export type CatalogQuestion = { [Q in keyof Questions]: { ask: Q } & Questions[Q]['about'] }[keyof Questions];

/** What is answered to a question. */
export type CatalogAnswer<Q extends CatalogQuestion> = Questions[Q['ask']]['answer'];

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

import type { TableRegistry } from '@quantbot/bus-format/canon';
import { query } from '@quantbot/bus-format/duckdb';
import { forgottenQuery } from '@quantbot/bus-format/journal';
import { type BusInfo, catalogViews } from '@quantbot/bus-format/views';
import { busLayout } from '@quantbot/infra/bus';
import type { OpenLake } from '@quantbot/storage/lake';

/** What the views of `catalog.*` say besides the journal. */
export interface CatalogFacts {
  /** The root of the objects: `s3://…` or an absolute path. */
  root: string;
  info: Omit<BusInfo, 'publishedAt'>;
  /** The canonical tables, which some views list as constants. */
  tables: Pick<TableRegistry, 'names' | 'tables'>;
  /** Whether an artifact was ever forgotten. */
  hasForgotten: boolean;
}

/**
 * Creates the views of `catalog.*`, or replaces them. The status of the exports must be there,
 * because DuckDB looks at it.
 */
export async function createCatalog(
  { connection }: Pick<OpenLake, 'connection'>,
  { root, info, tables, hasForgotten }: CatalogFacts,
): Promise<void> {
  const files = tables
    .tables()
    .map(table => ({ table, segments: [], newestCompacted: 0, compactedSeq: 0, behind: [] }));
  const views = catalogViews(
    { ...busLayout('/'), root },
    {
      seq: 0,
      compactedSeq: 0,
      hotCommits: [],
      segments: [],
      tables: files,
      ...(!tables.names.areFirst && { names: tables.names }),
      hasForgotten,
      hasPlaces: true,
    },
    { ...info, publishedAt: new Date() },
  );
  const ours = [
    `CREATE VIEW _bus.forgotten AS ${forgottenQuery('_bus.journal')}`,
    `CREATE VIEW _bus.places AS ${places}`,
  ];
  for (const view of [...ours, ...views]) await connection.run(view.replace('CREATE VIEW', 'CREATE OR REPLACE VIEW'));
}

/** The present places of artifacts that were restored. */
const places = `SELECT artifact_key, run_id, arg_max(rel_path, seq) AS place FROM _bus.journal
WHERE status = 'restored' GROUP BY ALL`;

/** Whether a lake has the catalog of this version. Earlier ones had no dismissals. */
export async function isCatalogCurrent({ connection }: Pick<OpenLake, 'connection'>): Promise<boolean> {
  const found = await query(
    connection,
    `SELECT 1 FROM duckdb_columns() WHERE database_name = 'lake' AND schema_name = 'catalog' AND table_name = 'jobs_f'
     AND column_name = 'dismissed_at'`,
  );
  return found.length > 0;
}

/** Whether the lake's journal has an artifact that was ever forgotten. */
export async function hasForgottenIn({ connection }: Pick<OpenLake, 'connection'>): Promise<boolean> {
  const found = await query(connection, `SELECT 1 FROM _bus.journal WHERE status IN ('forgotten', 'erased') LIMIT 1`);
  return found.length > 0;
}

import { print } from '../shared.js';
import { tableOf } from '../table.js';
import { type CatalogOptions, withCatalog } from './catalog.js';

/** A row of `catalog.tables_d`. */
interface TableRow {
  table_name: string;
  mode: string;
  key: string[];
  artifacts: number;
  artifact_rows: number;
  last_seq: number | null;
  last_committed_at: Date | null;
}

/** `quantbot-bus table list`: lists the canonical tables. */
export async function tableListCommand(options: CatalogOptions): Promise<void> {
  await withCatalog(options, async catalog => {
    const tables = await catalog.query<TableRow>('FROM catalog.tables_d ORDER BY table_name');
    print(options, tables, () => (tables.length === 0 ? 'no canonical table' : describe(tables)));
  });
}

const describe = (tables: readonly TableRow[]): string =>
  tableOf(
    ['table', 'mode', 'key', 'artifacts', 'their rows', 'last seq', 'committed at'],
    tables.map(({ table_name, mode, key, artifacts, artifact_rows, last_seq, last_committed_at }) => [
      `canon.${table_name}`,
      mode,
      key,
      artifacts,
      artifact_rows,
      last_seq,
      last_committed_at,
    ]),
  );

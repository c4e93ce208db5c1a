import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkDataset } from './check-dataset.js';
import { type Fate, type JournalRow, tableOf } from './fates.js';
import type { Query } from './read-journal.js';
import { tables } from './tables.js';
import { sha256Of } from './tree.js';

/** The artifacts, and where the rows of each can be read. */
export interface RowsToHave {
  artifacts: ReadonlyMap<string, Fate>;
  pathOf(row: JournalRow): string;
}

/**
 * Checks that the catalog agrees with the journal, and that canonical tables have the rows that a
 * fresh read of their artifacts gives.
 */
export async function checkPublished(
  { artifacts, pathOf }: RowsToHave,
  published: Query,
  problems: string[],
): Promise<void> {
  const catalog = await published(
    'SELECT artifact_key, sha256, forgotten_at IS NOT NULL AS gone FROM catalog.artifacts_f',
  );
  const have = new Set(catalog.map(row => `${row.artifact_key} ${row.sha256} ${row.gone}`));
  const want = [...artifacts.values()].map(
    ({ row, gone }) => `${row.artifact_key} ${row.sha256} ${gone !== undefined}`,
  );
  const missing = want.filter(line => !have.has(line));
  if (catalog.length !== want.length || missing.length > 0)
    problems.push(`catalog.artifacts_f: ${catalog.length} rows, must have ${want.length}; without ${missing}`);
  for (const [table, rows] of tablesOf(artifacts)) {
    const columns = 'run, n, price';
    const [real] = await published(
      `SELECT count(*) AS n, CAST(sum(hash(${columns}, _artifact_key)) AS VARCHAR) AS h FROM canon.${table}`,
    );
    const [fresh] = await published(
      `SELECT count(*) AS n, CAST(sum(hash(${columns}, k)) AS VARCHAR) AS h FROM (${freshRows(pathOf, table, rows)})`,
    );
    if (real?.n !== fresh?.n || real?.h !== fresh?.h)
      problems.push(`canon.${table}: ${real?.n} rows, a fresh read gives ${fresh?.n}`);
  }
}

/** Returns SQL for the rows that a table must show by its mode, read from the artifacts alone. */
function freshRows(pathOf: RowsToHave['pathOf'], table: string, rows: readonly JournalRow[]): string {
  const all = rows
    .map(
      row =>
        `SELECT run, n, price, '${row.artifact_key}' AS k, ${row.seq} AS s, ${row.ordinal} AS o, file_row_number AS r FROM read_parquet('${pathOf(row)}', file_row_number = true)`,
    )
    .join(' UNION ALL ');
  return definitions[tables[table as keyof typeof tables].mode](all, rows);
}

/**
 * The rows that each mode shows, defined independently of the bus: `s` is seq, `o` ordinal, and `r`
 * row.
 */
const definitions = {
  append: (all: string) => all,
  latest: (all: string, rows: readonly JournalRow[]) =>
    `SELECT * FROM (${all}) WHERE s = ${Math.max(...rows.map(row => row.seq))}`,
  upsert: (all: string) =>
    `SELECT * FROM (${all}) QUALIFY row_number() OVER (PARTITION BY ${tables.books.key} ORDER BY s DESC, o DESC, r DESC) = 1`,
};

/** Returns the artifacts whose rows each table must have, oldest first. */
function tablesOf(artifacts: RowsToHave['artifacts']): Map<string, JournalRow[]> {
  const byTable = new Map<string, JournalRow[]>();
  for (const { row, gone } of artifacts.values()) {
    const table = tableOf(row.schema_hint);
    if (table !== undefined && gone !== 'erased') byTable.set(table, [...(byTable.get(table) ?? []), row]);
  }
  return byTable;
}

/**
 * Checks that each export is complete, matches its status, and has exactly the rows of the
 * artifacts up to its seq.
 */
export async function checkExports(
  dataRoot: string,
  { artifacts, pathOf }: RowsToHave,
  query: Query,
  problems: string[],
): Promise<void> {
  const status = JSON.parse(readFileSync(join(dataRoot, 'exports/_export_status.json'), 'utf8')) as {
    exports: Record<string, { ok: boolean; sha256: string; rows: number; as_of_seq: number; error: string | null }>;
  };
  for (const [table, rows] of tablesOf(artifacts)) {
    const entry = status.exports[table];
    const { layout } = tables[table as keyof typeof tables];
    const path = join(dataRoot, 'exports', layout === 'dataset' ? table : `${table}.parquet`);
    if (entry?.ok !== true) {
      problems.push(`export ${table}: ${entry?.error ?? 'never ran'}`);
      continue;
    }
    const last = Math.max(...rows.map(row => row.seq));
    if (entry.as_of_seq < last)
      problems.push(`export ${table}: as of ${entry.as_of_seq}, the table changed at ${last}`);
    if (layout === 'dataset') checkDataset(dataRoot, table, problems);
    else if (sha256Of(path) !== entry.sha256)
      problems.push(`export ${table}: the file is not the one that its status names`);
    const pattern = layout === 'dataset' ? `${path}/*.parquet` : path;
    const sum = `SELECT count(*) AS n, CAST(sum(hash(run, n, price)) AS VARCHAR) AS h FROM`;
    const [[real], [fresh]] = [
      await query(`${sum} read_parquet('${pattern}')`),
      await query(`${sum} (${freshRows(pathOf, table, rows)})`),
    ];
    if (real?.n !== fresh?.n || real?.h !== fresh?.h)
      problems.push(`export ${table}: ${real?.n} rows, its artifacts have ${fresh?.n}`);
  }
}

import { dirname } from 'node:path';
import { type BusLayout, layoutVersion } from '@quantbot/infra/bus';
import { columnsQuery, type ListedTable, tablesQuery } from '../canon/listed-tables.js';
import { shownName } from '../canon/table.js';
import { aliasesQuery, aliasHistoryQuery, dismissalsQuery, keepsQuery } from '../journal/marks.js';
import { artifactColumns } from '../journal/row.js';
import { literal } from '../sql.js';
import { exportStatusFile } from '../state/export-status.js';
import type { BusInfo, Snapshot } from './snapshot.js';

/** Columns of `catalog.artifacts_f` that are computed. */
const expressions: Record<string, (layout: BusLayout, snapshot: Snapshot) => string> = {
  canonical_path: ({ root }, snapshot) =>
    `${literal(`${root}/`)} || ${mayHaveMoved(snapshot) ? 'coalesce(place, rel_path)' : 'rel_path'} AS canonical_path`,
  inputs: () => `CAST(from_json(coalesce(inputs, '[]'), '["VARCHAR"]') AS VARCHAR[]) AS inputs`,
  quarantined: () => `CAST(from_json(reject_details, '["VARCHAR"]') AS VARCHAR[]) AS quarantined`,
};

/**
 * Returns the views of `catalog.*`. Names and columns are public: new ones may be added, existing
 * ones stay. docs/reference/catalog.md documents them.
 */
export const catalogViews = (layout: BusLayout, snapshot: Snapshot, info: BusInfo): string[] => [
  `CREATE VIEW catalog.artifacts_f AS
SELECT ${artifactColumns.map(name => expressions[name]?.(layout, snapshot) ?? name).join(', ')}, ${forgottenAt(snapshot)}`,

  `CREATE VIEW catalog.latest_artifacts_v AS
SELECT ${[...artifactColumns, 'forgotten_at'].join(', ')} FROM catalog.artifacts_f WHERE ${isFree}${snapshot.hasForgotten ? ' AND forgotten_at IS NULL' : ''}
QUALIFY row_number() OVER (PARTITION BY producer, kind, artifact_id ORDER BY seq DESC, ordinal DESC) = 1
ORDER BY seq DESC, ordinal DESC`,

  `CREATE VIEW catalog.quarantine_v AS
SELECT ${[...artifactColumns, 'forgotten_at'].join(', ')} FROM catalog.artifacts_f q
WHERE quarantined IS NOT NULL AND forgotten_at IS NULL AND NOT EXISTS (SELECT 1 FROM catalog.artifacts_f r
  WHERE r.sha256 = q.sha256 AND r.schema_hint LIKE 'canon.%' AND list_contains(r.inputs, q.artifact_key))
ORDER BY seq DESC, ordinal DESC`,

  `CREATE VIEW catalog.alias_history_f AS ${aliasHistoryQuery}`,

  `CREATE VIEW catalog.aliases_v AS ${aliasesQuery('catalog.alias_history_f')}`,

  ...(snapshot.hasForgotten === undefined ? [] : forgettingViews),

  `CREATE VIEW catalog.jobs_f AS
SELECT seq, job_id, CASE WHEN ${isDismissed} THEN 'dismissed' ELSE status END AS status, run_id, producer, kind, artifacts, rows, bytes,
  created_at_utc, committed_at, reject_code, reject_error,
  ${['dismissed_at', 'dismiss_note', 'dismissed_by'].map(name => `CASE WHEN ${isDismissed} THEN ${name} END AS ${name}`).join(', ')}
FROM (${jobs}) LEFT JOIN (${dismissalsQuery}) USING (job_id)`,

  `CREATE VIEW catalog.runs_d AS
SELECT run_id, list_sort(list(DISTINCT producer)) AS producers, list_sort(list(DISTINCT kind)) AS kinds,
  count(DISTINCT seq) AS jobs, count(*) AS artifacts, CAST(sum(rows) AS BIGINT) AS rows, CAST(sum(bytes) AS BIGINT) AS bytes,
  min(seq) AS first_seq, max(seq) AS last_seq, min(committed_at) AS first_committed_at, max(committed_at) AS last_committed_at
FROM ${brought} GROUP BY run_id`,

  `CREATE VIEW catalog.lineage_v AS
SELECT artifact_key, unnest(inputs) AS input_key, seq, run_id, producer, kind, committed_at FROM catalog.artifacts_f`,

  `CREATE VIEW catalog.datasets_d AS
SELECT producer, kind, artifact_id, arg_max(schema_hint, seq) AS schema_hint, count(*) AS artifacts, CAST(sum(rows) AS BIGINT) AS rows,
  CAST(sum(bytes) AS BIGINT) AS bytes, max(seq) AS last_seq, arg_max(run_id, seq) AS last_run_id, max(committed_at) AS last_committed_at
FROM ${brought} GROUP BY producer, kind, artifact_id`,

  `CREATE VIEW catalog.tables_d AS ${tablesQuery(listed(snapshot))}`,

  `CREATE VIEW catalog.columns_d AS ${columnsQuery(listed(snapshot))}`,

  `CREATE VIEW catalog.exports_d AS
SELECT e.key AS name, e.value.ok AS ok, e.value.path AS path, e.value.rows AS rows, e.value.bytes AS bytes, e.value.sha256 AS sha256, e.value.files AS files,
  e.value.as_of_seq AS as_of_seq, e.value.started_at AS started_at, e.value.duration_ms AS duration_ms, e.value.error AS error
FROM (SELECT unnest(map_entries(exports)) AS e FROM read_json(${literal(`${info.exportDir}/${exportStatusFile}`)}, format = 'unstructured', columns = {exports:
  'MAP(VARCHAR, STRUCT(ok BOOLEAN, path VARCHAR, "rows" BIGINT, bytes BIGINT, sha256 VARCHAR, files BIGINT, as_of_seq BIGINT, started_at TIMESTAMP, duration_ms BIGINT, error VARCHAR))'}))`,

  `CREATE VIEW catalog.bus_info AS
SELECT ${literal(info.busId)} AS bus_id, ${literal(dirname(layout.root))} AS data_root, ${literal(layout.root)} AS bus_root,
  ${literal(info.exportDir)} AS export_dir, ${layoutVersion} AS format_version, ${literal(info.daemonVersion)} AS daemon_version,
  ${literal(info.duckdbVersion)} AS duckdb_version, CAST(${literal(info.publishedAt.toISOString())} AS TIMESTAMP) AS published_at,
  CAST(${snapshot.compactedSeq} AS BIGINT) AS compacted_seq, ${literal(info.duckdbPath)} AS duckdb_path`,
];

/** The artifacts, for views that need no `forgotten_at`: its join costs time. */
const brought = `_bus.journal WHERE status = 'ingested'`;

/** Whether a row is an artifact that its job brought, and not one that it forgot. */
const isBrought = `status NOT IN ('forgotten', 'erased')`;

/**
 * The jobs. The first row of a job has its facts, and only the further rows are grouped: most jobs
 * have none. DuckDB then applies conditions and limits before it reads a million jobs, and reads
 * 0.1 to 0.5 instead of 1.5 s for a page of them.
 */
const jobs = `SELECT seq, job_id, CASE WHEN status = 'rejected' THEN status WHEN status <> 'duplicate' OR coalesce(further_new, false) THEN 'ingested' ELSE 'duplicate' END AS status,
  run_id, producer, kind, artifacts + coalesce(further_artifacts, 0) AS artifacts,
  rows + coalesce(further_rows, 0) AS rows, bytes + coalesce(further_bytes, 0) AS bytes, created_at_utc, committed_at, reject_code, reject_error
FROM (SELECT seq, job_id, status, run_id, producer, kind, CAST(artifact_key IS NOT NULL AS BIGINT) AS artifacts, coalesce(rows, 0) AS rows, coalesce(bytes, 0) AS bytes,
    created_at_utc, committed_at, reject_code, reject_error FROM _bus.journal WHERE ordinal = 0)
LEFT JOIN (SELECT seq, bool_or(status <> 'duplicate') AS further_new, count(artifact_key) FILTER (WHERE ${isBrought}) AS further_artifacts,
    CAST(sum(rows) AS BIGINT) AS further_rows, CAST(sum(bytes) FILTER (WHERE ${isBrought}) AS BIGINT) AS further_bytes
  FROM _bus.journal WHERE ordinal > 0 GROUP BY seq) USING (seq)`;

/** Whether a job was rejected, and then dismissed. A retry that is rejected later is not. */
const isDismissed = `status = 'rejected' AND coalesce(dismissed_seq > seq, false)`;

/** Whether an artifact is in no quarantine, by its hint, which also an older catalog has. */
const isFree = `(schema_hint IS NULL OR schema_hint NOT LIKE 'quarantine.%')`;

/** Returns the tables under the names that readers know. */
const listed = ({ tables, names }: Snapshot): ListedTable[] =>
  tables.map(({ table }) => ({ ...table, name: shownName(table), ...(names && { hints: names.hintsOf(table.name) }) }));

/**
 * The last column of `catalog.artifacts_f`, and its source. The join costs time, so it is there
 * only once something was forgotten.
 */
const forgottenAt = (snapshot: Snapshot): string =>
  snapshot.hasForgotten
    ? `forgotten_at FROM _bus.journal LEFT JOIN (SELECT artifact_key, run_id, forgotten_at FROM _bus.forgotten) f USING (artifact_key, run_id)
${mayHaveMoved(snapshot) ? 'LEFT JOIN _bus.places USING (artifact_key, run_id) ' : ''}WHERE status = 'ingested'`
    : `CAST(NULL AS TIMESTAMP) AS forgotten_at FROM _bus.journal WHERE status = 'ingested'`;

const mayHaveMoved = ({ hasForgotten, hasPlaces }: Snapshot): boolean => hasForgotten === true && hasPlaces === true;

const forgettingViews = [
  `CREATE VIEW catalog.keeps_v AS ${keepsQuery}`,

  `CREATE VIEW catalog.forgotten_f AS
SELECT f.artifact_key, f.seq, f.forgotten_at, f.bytes,
  CASE WHEN f.schema_hint NOT LIKE 'canon.%' THEN NULL WHEN f.status = 'erased' THEN 'dropped' ELSE 'kept' END AS rows,
  (o.op_json->>'$.reason') AS reason, (o.op_json->>'$.by') AS requested_by
FROM _bus.forgotten f JOIN _bus.journal o ON o.seq = f.seq AND o.status = 'done'`,
];

import type { Param } from '../duckdb/bind.js';
import type { Row } from '../types/mapping.js';
import { type ArtifactFilter, type Condition, type LatestFilter, pageOf, type Query, whereOf } from './queries.js';
import { artifactOrder, orderBy } from './sorting.js';
import { artifactWords, wordsOf } from './words.js';

/**
 * The artifacts without the join of `catalog.artifacts_f` with those that are forgotten. It has the
 * columns by which lists are filtered and sorted, except `quarantined`.
 */
const brought = `(FROM _bus.journal WHERE status = 'ingested')`;

const newestFirst = 'seq DESC, ordinal DESC';

/** Returns the row of the newest artifact of a producer and kind, or of the one with an alias. */
export async function latestArtifact(
  query: Query,
  { producer, kind, artifactId, alias }: LatestFilter,
): Promise<Row | undefined> {
  const source: Condition[] = [
    ['producer = ?', producer],
    ['kind = ?', kind],
    ['artifact_id = ?', artifactId],
  ];
  if (alias !== undefined) {
    const [where, given] = whereOf(source);
    const named = `(SELECT artifact_key FROM catalog.aliases_v WHERE producer = ? AND kind = ? AND alias = ?)`;
    const sql = `SELECT * FROM catalog.artifacts_f${where} AND artifact_key = ${named}`;
    return (await query(sql, [...given, producer, kind, alias]))[0];
  }
  const free: Condition[] = [...source, [`coalesce(schema_hint NOT LIKE 'quarantine.%', true) = ?`, true]];
  // The newest is forgotten only by force, so mostly the first look finds it.
  for (const limit of [1, 100]) {
    const rows = await listed(query, free, { limit });
    const there = rows.find(row => row.forgotten_at === null);
    if (there !== undefined || rows.length < limit) return there;
  }
  const [where, given] = whereOf(free);
  const sql = `SELECT * FROM catalog.artifacts_f${where} AND forgotten_at IS NULL ORDER BY ${newestFirst} LIMIT 1`;
  return (await query(sql, given))[0];
}

/** Returns the rows of artifacts, newest first. */
export const listArtifacts = (query: Query, filter: ArtifactFilter): Promise<Row[]> =>
  listed(query, conditionsOf(filter, filter.limit === undefined ? 'quarantined' : 'reject_details'), filter);

/** Returns the number of artifacts. */
export async function countArtifacts(query: Query, filter: ArtifactFilter): Promise<number> {
  const [where, given] = whereOf(conditionsOf(filter, 'reject_details'));
  const [found] = await query(`SELECT count(*) AS n FROM ${brought}${where}`, given);
  return Number(found?.n);
}

/** @param mark the column that artifacts in quarantine have. */
const conditionsOf = (filter: ArtifactFilter, mark: 'quarantined' | 'reject_details'): Condition[] => [
  ['artifact_key = ?', filter.key],
  ['run_id = ?', filter.runId],
  ['producer = ?', filter.producer],
  ['kind = ?', filter.kind],
  ['artifact_id = ?', filter.artifactId],
  ['committed_at >= ?', filter.since],
  ['committed_at < ?', filter.until],
  [`(${mark} IS NOT NULL) = ?`, filter.quarantined],
  ...beforeOf(filter),
  ...wordsOf(filter.text, artifactWords),
];

/** Artifacts before a seq, or before one artifact of the job with this seq. */
function beforeOf({ beforeSeq, beforeOrdinal }: ArtifactFilter): Condition[] {
  if (beforeSeq === undefined || beforeOrdinal === undefined) return [['seq < ?', beforeSeq]];
  return [
    ['seq <= ?', beforeSeq],
    [`(seq < ${Math.floor(beforeSeq)} OR ordinal < ?)`, beforeOrdinal],
  ];
}

/**
 * Finds a page of artifacts by its narrow columns, and then reads these artifacts. DuckDB applies
 * the bounds of seq, run and key to both sides of the join in `catalog.artifacts_f`. So a page
 * among a million artifacts, of which 900,000 are forgotten, takes a tenth of the time.
 */
async function listed(
  query: Query,
  conditions: readonly Condition[],
  page: Pick<ArtifactFilter, 'sort' | 'offset' | 'limit'>,
): Promise<Row[]> {
  const order = orderBy(artifactOrder, page.sort, newestFirst);
  const [where, given] = whereOf(conditions);
  if (page.limit === undefined)
    return query(`SELECT * FROM catalog.artifacts_f${where} ${order}${pageOf(page)}`, given);
  const all = page.sort === undefined ? [...conditions, await fromSeq(query, conditions, page)] : conditions;
  const [narrow, bound] = whereOf(all);
  const [found] = await query(
    `SELECT CAST(to_json(list({'seq': seq, 'ordinal': ordinal})) AS VARCHAR) AS places, min(seq) AS first_seq, max(seq) AS last_seq,
     min(run_id) AS first_run, max(run_id) AS last_run, min(artifact_key) AS first_key, max(artifact_key) AS last_key
     FROM (SELECT seq, ordinal, run_id, artifact_key FROM ${brought}${narrow} ${order}${pageOf(page)})`,
    bound,
  );
  if (!found?.places) return []; // null: there are none
  return query(
    `SELECT * FROM catalog.artifacts_f
     SEMI JOIN (SELECT unnest(from_json(?, '[{"seq": "BIGINT", "ordinal": "BIGINT"}]'), recursive := true)) USING (seq, ordinal)
     WHERE seq BETWEEN ? AND ? AND run_id BETWEEN ? AND ? AND artifact_key BETWEEN ? AND ? ${order}`,
    Object.values(found) as Param[],
  );
}

/** The least seq of a page that is newest first. DuckDB finds it faster than the page itself. */
async function fromSeq(
  query: Query,
  conditions: readonly Condition[],
  { limit = 0, offset = 0 }: Pick<ArtifactFilter, 'offset' | 'limit'>,
): Promise<Condition> {
  const [where, given] = whereOf(conditions);
  const count = Math.max(1, Math.floor(limit) + Math.floor(offset));
  const [bound] = await query(`SELECT list_min(max(seq, ${count})) AS seq FROM ${brought}${where}`, given);
  return ['seq >= ?', (bound?.seq as number | null) ?? undefined];
}

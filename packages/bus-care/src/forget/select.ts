import type { Journal } from '@quantbot/bus-format/journal';
import { literal } from '@quantbot/bus-format/sql';
import type { RetentionRule } from '@quantbot/infra/config';

/** Where to choose artifacts: the journal of one machine, or of a cluster. */
export type SelectableJournal = Pick<Journal, 'stored'> & { query<Row>(sql: string): Promise<Row[]> };

/** Returns the keys of a run's artifacts that are not forgotten, oldest first. */
export const keysOfRun = (journal: SelectableJournal, runId: string): Promise<string[]> =>
  keysOf(journal, `run_id = ${literal(runId)}`);

/**
 * Returns the keys of the artifacts that a retention rule lets go, oldest first. An artifact goes
 * if any limit of the rule says so.
 */
export async function keysOfRule(journal: SelectableJournal, rule: RetentionRule, nowMs: number): Promise<string[]> {
  const source = [
    ...(rule.producer === undefined ? [] : [`producer = ${literal(rule.producer)}`]),
    ...(rule.kind === undefined ? [] : [`kind = ${literal(rule.kind)}`]),
  ];
  const goes = [
    ...(rule.keepLast === undefined ? [] : [`newest > ${rule.keepLast}`]),
    ...(rule.maxAgeMs === undefined ? [] : [`committed_at < TIMESTAMP '${sqlTime(nowMs - rule.maxAgeMs)}'`]),
    ...(rule.maxBytes === undefined ? [] : [`total > ${rule.maxBytes}`]),
  ];
  const ranked = `(SELECT artifact_key, seq, ordinal, committed_at,
    row_number() OVER (PARTITION BY producer, kind, artifact_id ORDER BY seq DESC, ordinal DESC) AS newest,
    sum(bytes) OVER (ORDER BY seq DESC, ordinal DESC) AS total
    FROM ${journal.stored} WHERE ${["status = 'ingested'", ...source].join(' AND ')}) AS ranked`;
  const rows = await journal.query<{ key: string }>(
    `SELECT artifact_key AS key FROM ${ranked} WHERE ${goes.join(' OR ')} ORDER BY seq, ordinal`,
  );
  return rows.map(({ key }) => key);
}

async function keysOf(journal: SelectableJournal, condition: string): Promise<string[]> {
  const rows = await journal.query<{ key: string }>(
    `SELECT artifact_key AS key FROM ${journal.stored} WHERE status = 'ingested' AND ${condition} ORDER BY seq, ordinal`,
  );
  return rows.map(({ key }) => key);
}

/** Returns a time in UTC as both databases read it. */
const sqlTime = (ms: number): string => new Date(Math.max(0, ms)).toISOString().slice(0, -1);

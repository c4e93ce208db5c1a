/** Every alias that was ever set or removed. */
export const aliasHistoryQuery = `SELECT seq, committed_at, ${['producer', 'kind', 'alias', 'artifact_key'].map(name => `(op_json->>'$.${name}') AS ${name}`).join(', ')}
FROM _bus.journal WHERE status = 'done' AND (op_json->>'$.type') = 'alias'`;

/** The current aliases. */
export const aliasesQuery = (history: string): string =>
  `SELECT producer, kind, alias, artifact_key, seq, committed_at FROM ${history}
QUALIFY row_number() OVER (PARTITION BY producer, kind, alias ORDER BY seq DESC) = 1 AND artifact_key IS NOT NULL`;

/** The artifacts that carry a keep mark now. */
export const keepsQuery = `SELECT artifact_key, seq, committed_at, reason, requested_by FROM (
  SELECT unnest(CAST(from_json(op_json->'$.artifact_keys', '["VARCHAR"]') AS VARCHAR[])) AS artifact_key, seq, committed_at,
    (op_json->>'$.keep') AS keep, (op_json->>'$.reason') AS reason, (op_json->>'$.by') AS requested_by
  FROM _bus.journal WHERE status = 'done' AND (op_json->>'$.type') = 'keep')
QUALIFY row_number() OVER (PARTITION BY artifact_key ORDER BY seq DESC) = 1 AND keep = 'true'`;

const isDismissal = `status = 'done' AND (op_json->>'$.type') = 'dismiss'`;

/** The jobs that were ever dismissed. A dismissal is about the rejections before it. */
export const dismissalsQuery = `SELECT job_id, max(seq) AS dismissed_seq, max(committed_at) AS dismissed_at,
  arg_max(note, seq) AS dismiss_note, arg_max(requested_by, seq) AS dismissed_by
FROM (SELECT unnest(CAST(from_json(op_json->'$.job_ids', '["VARCHAR"]') AS VARCHAR[])) AS job_id, seq, committed_at,
    (op_json->>'$.note') AS note, (op_json->>'$.by') AS requested_by
  FROM _bus.journal WHERE ${isDismissal})
GROUP BY job_id`;

/** The number of rejections that were dismissed. */
export const countDismissedQuery = `SELECT count(*) AS n FROM _bus.journal r JOIN (${dismissalsQuery}) d
ON d.job_id = r.job_id AND d.dismissed_seq > r.seq WHERE r.status = 'rejected'`;

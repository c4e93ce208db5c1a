import { busLayout } from '@quantbot/infra/bus';
import { expect, test } from 'vitest';
import { openMemoryDatabase, query } from '../duckdb.js';
import { journalColumns } from '../journal/row.js';
import { catalogViews } from './catalog-views.js';

/** The rows of 600 jobs of every kind: up to five artifacts, new or not; rejected; operations. */
const generatedRows = `SELECT seq, ordinal, 'job-' || seq % 300 AS job_id, status, 'run-' || h % 9 AS run_id, 'producer-' || h % 3 AS producer,
  'kind-' || CASE kind WHEN 0 THEN 0 ELSE g % 4 END AS kind, TIMESTAMP '2026-01-01' + to_seconds(seq) AS committed_at, TIMESTAMP '2025-12-31' AS created_at_utc,
  CASE WHEN status NOT IN ('rejected', 'done') THEN seq || '/' || ordinal END AS artifact_key,
  CASE WHEN status IN ('ingested', 'duplicate', 'restored') THEN g % 100 END AS rows,
  CASE WHEN status NOT IN ('rejected', 'done') THEN g % 1000 END AS bytes,
  CASE status WHEN 'rejected' THEN 'SCHEMA_MISMATCH' END AS reject_code, CASE status WHEN 'rejected' THEN 'no' END AS reject_error,
  CASE WHEN status = 'done' AND h % 2 = 0 THEN json_object('type', 'dismiss', 'note', 'fixed', 'by', 'me', 'job_ids', ['job-' || (seq - 1) % 300, 'job-' || (seq - 2) % 300]) END AS op_json
FROM (SELECT *, CASE WHEN kind = 0 THEN 'rejected' WHEN kind = 1 AND ordinal = 0 THEN 'done' WHEN kind = 1 THEN ['forgotten', 'erased'][1 + g % 2]
    WHEN kind = 2 THEN 'duplicate' ELSE ['ingested', 'duplicate', 'restored'][1 + g % 3] END AS status
  FROM (SELECT seq, ordinal, h, h % 5 AS kind, CAST(hash(seq, ordinal) % 99991 AS BIGINT) AS g
    FROM (SELECT seq, CAST(hash(seq) % 99991 AS BIGINT) AS h FROM range(1, 601) AS s(seq)) CROSS JOIN range(5) AS o(ordinal)
    WHERE ordinal = 0 OR (h % 5 > 0 AND ordinal < h // 5 % 6)))`;

/** `catalog.jobs_f` as its documentation says it: every row of each job, grouped. */
const grouped = `SELECT j.seq, any_value(j.job_id) AS job_id,
  CASE WHEN bool_or(status = 'rejected') THEN CASE WHEN max(d.seq) > j.seq THEN 'dismissed' ELSE 'rejected' END
    WHEN bool_or(status <> 'duplicate') THEN 'ingested' ELSE 'duplicate' END AS status,
  arg_min(run_id, ordinal) AS run_id, arg_min(producer, ordinal) AS producer, arg_min(kind, ordinal) AS kind,
  count(artifact_key) FILTER (WHERE status NOT IN ('forgotten', 'erased')) AS artifacts, CAST(coalesce(sum(rows), 0) AS BIGINT) AS rows,
  CAST(coalesce(sum(bytes) FILTER (WHERE status NOT IN ('forgotten', 'erased')), 0) AS BIGINT) AS bytes,
  any_value(created_at_utc) AS created_at_utc, any_value(committed_at) AS committed_at, any_value(reject_code) AS reject_code
FROM _bus.journal j LEFT JOIN (SELECT max(seq) AS seq, job_id
  FROM (SELECT seq, unnest(CAST(from_json(op_json->'$.job_ids', '["VARCHAR"]') AS VARCHAR[])) AS job_id FROM _bus.journal) GROUP BY job_id) d USING (job_id) GROUP BY j.seq`;

async function withCatalog<T>(work: (ask: (sql: string) => Promise<Record<string, unknown>[]>) => Promise<T>) {
  const database = await openMemoryDatabase({ memoryMb: 256, threads: 1 });
  try {
    const { connection } = database;
    const columns = journalColumns.map(({ name, type }) => `${name} ${type}`).join(', ');
    await connection.run(`CREATE SCHEMA _bus; CREATE SCHEMA catalog; CREATE TABLE _bus.journal (${columns})`);
    await connection.run(`INSERT INTO _bus.journal BY NAME ${generatedRows}`);
    const nothing = { seq: 600, compactedSeq: 0, hotCommits: [], segments: [], tables: [] };
    const info = { busId: '', dataRoot: '', exportDir: '', duckdbPath: '', daemonVersion: '', duckdbVersion: '' };
    const views = catalogViews(busLayout('/bus'), nothing, { ...info, publishedAt: new Date(0) });
    await connection.run(views.find(view => view.startsWith('CREATE VIEW catalog.jobs_f')) as string);
    return await work(sql => query(connection, sql));
  } finally {
    database.close();
  }
}

test('a job is the sum of its rows, whatever they are', async () => {
  await withCatalog(async ask => {
    const names =
      'seq, job_id, status, run_id, producer, kind, artifacts, rows, bytes, created_at_utc, committed_at, reject_code';
    const jobs = await ask(`SELECT ${names} FROM catalog.jobs_f ORDER BY seq`);
    expect(jobs).toHaveLength(600);
    expect(jobs).toEqual(await ask(`SELECT ${names} FROM (${grouped}) ORDER BY seq`));
    const states = await ask(
      'SELECT status, min(artifacts) < max(artifacts) AS vary FROM catalog.jobs_f GROUP BY status ORDER BY status',
    );
    expect(states).toEqual([
      { status: 'dismissed', vary: false },
      { status: 'duplicate', vary: true },
      { status: 'ingested', vary: true },
      { status: 'rejected', vary: false },
    ]);
  });
});

test('DuckDB applies the conditions on a job while it reads the journal', async () => {
  await withCatalog(async ask => {
    const plan = await ask(`EXPLAIN SELECT * FROM catalog.jobs_f WHERE producer = 'producer-1' AND seq > 550`);
    // A filter after the read has spaces around the operator.
    expect(JSON.stringify(plan)).toMatch(/producer='producer-1'/);
    expect(JSON.stringify(plan).match(/seq>550/g)).toHaveLength(2);
  });
});

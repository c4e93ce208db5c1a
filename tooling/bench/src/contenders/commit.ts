import { commitBatch, migrate, Postgres } from '@quantbot/bus-cluster';
import { emptyRow, type JournalRow } from '@quantbot/bus-format/journal';

/** A schema as jobs of the other rows have it. */
const schema = JSON.stringify(
  ['ts', 'symbol', 'price', 'size'].map(name => ({
    name,
    type: name === 'symbol' ? 'VARCHAR' : 'BIGINT',
    nullable: true,
  })),
);

/** The row of a job with one artifact. */
function rowOf(claim: string, seq: number, nowMs: number): JournalRow {
  const key = `run-${claim}/bench/ticks/a0`;
  return {
    ...emptyRow,
    seq,
    ordinal: 0,
    claim,
    committed_at: nowMs,
    status: 'ingested',
    job_id: `job-${claim}`,
    run_id: `run-${claim}`,
    producer: 'bench',
    kind: 'ticks',
    artifact_id: 'a0',
    artifact_key: key,
    format: 'parquet',
    rel_path: `store/bench/ticks/run-${claim}@a0.${claim}.parquet`,
    rows: 1000,
    bytes: 30_000,
    sha256: claim.padStart(64, '0'),
    schema_hint: 'canon.ticks',
    schema_json: schema,
    created_at_utc: nowMs,
    manifest_sha256: claim.padStart(64, '0'),
  };
}

/**
 * Commits batches of jobs to PostgreSQL, and nothing else: what a daemon does between the lock of
 * the journal's head and the answer to COMMIT.
 *
 * @returns the time of each batch (milliseconds).
 */
export async function commitAlone(url: string, batches: number, jobs: number): Promise<number[]> {
  const postgres = new Postgres(url);
  const times: number[] = [];
  try {
    await migrate(postgres);
    for (let batch = 0; batch < batches; batch++) {
      const claims = Array.from({ length: jobs }, (_, n) => `${batch}x${n}`);
      const submissions = claims.map(claim => ({ claim, jobId: `job-${claim}`, manifestSha256: claim, retryOf: 0 }));
      const keys = claims.map(claim => `run-${claim}/bench/ticks/a0`);
      const rows = claims.map((claim, n) => rowOf(claim, batch * jobs + 1 + n, Date.now()));
      const objects = rows.map(({ rel_path }) => rel_path ?? '');
      const started = performance.now();
      await commitBatch(postgres, { jobs: submissions, keys, objects, schemasAfter: batch * jobs }, async () => ({
        rows,
        tables: ['ticks'],
      }));
      times.push(performance.now() - started);
    }
    return times;
  } finally {
    await postgres.close();
  }
}

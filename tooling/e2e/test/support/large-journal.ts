import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeSelect } from '@quantbot/tooling-testing/parquet';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { drain } from './daemon-process.js';

/**
 * Creates a bus whose journal has this many jobs, of which every fiftieth is rejected. Two jobs are
 * submitted, and their rows repeated: so many submissions would take minutes.
 */
export async function busOfManyJobs(jobs: number): Promise<TestBus> {
  const bus = makeTestBus({ export: { enabled: false } });
  await drain(bus);
  await submit(bus, { jobId: 'good', meta: { strategy: 'carry' } });
  await drain(bus);
  await submit(bus, { jobId: 'bad', schemaHint: 'canon.x', artifactId: 'a', select: 'SELECT 1 AS n, 2 AS _seq' });
  await drain(bus);
  const { hot, segments } = bus.layout;
  const commits = readdirSync(hot).filter(name => Number(name) > 0);
  const files = commits.map(name => `'${join(hot, name, 'commit.parquet')}'`).join(', ');
  const columns = {
    seq: 'CAST(k + 1 AS BIGINT)',
    claim: `left(md5('c' || k), 16)`,
    // A start looks at the receipts of the last minutes.
    committed_at: `committed_at - to_minutes(${jobs} - k)`,
    job_id: `'job-' || lpad(k::VARCHAR, 7, '0')`,
    run_id: `'run-' || k // 20`,
    producer: `'producer-' || k % 7`,
    artifact_key: `'run-' || k // 20 || '/producer-' || k % 7 || '/' || kind || '/' || artifact_id || k`,
    artifact_id: 'artifact_id || k',
    sha256: `sha256('s' || k || sha256)`,
    rows: 'k * 7 % 1000 + rows * 0', // NULL stays NULL
  };
  const changed = Object.entries(columns).map(([name, sql]) => `${sql} AS ${name}`);
  const select = `SELECT j.* REPLACE (${changed.join(', ')}) FROM range(${jobs}) r(k)
    JOIN read_parquet([${files}]) j ON (j.status = 'rejected') = (k % 50 = 49)`;
  const path = await writeSelect(join(bus.folder, 'produced'), select);
  mkdirSync(segments, { recursive: true });
  const digits = (seq: number) => String(seq).padStart(12, '0');
  renameSync(path, join(segments, `${digits(1)}-${digits(jobs)}.parquet`));
  for (const name of commits) rmSync(join(hot, name), { recursive: true });
  await drain(bus);
  return bus;
}

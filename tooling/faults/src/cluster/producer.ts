/**
 * A producer of a cluster. It submits jobs, and keeps, forgets and restores artifacts, until it is
 * stopped. It writes a ledger of what it began and what was acknowledged. Arguments: bus root,
 * ledger, folder for files, folder behind the object store, name, seed, pause between jobs in
 * milliseconds, the most jobs.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { submitArtifacts, writeSmallParquet } from '@quantbot/infra/utils';
import { keepAndForget } from '../forgetter.js';
import { writeLedger } from '../ledger.js';
import { Random } from '../random.js';
import { tables } from '../tables.js';

const [busRoot = '', ledger = '', folder = '', objects = '', name = '', seed = '', pauseMs = '', most = ''] =
  process.argv.slice(2);
const random = new Random(Number(seed));
const tableNames = Object.keys(tables);
const isFirst = name === 'first';
mkdirSync(folder, { recursive: true });

let stopped = false;
process.on('SIGTERM', () => {
  stopped = true;
});

for (let i = 0; i < Number(most) && !stopped; i++) {
  await submitOne(`${name}-${i}`);
  if (!isFirst) await forget(`${name}-${i}`);
  await sleep(random.int(0, 2 * Number(pauseMs)));
}

async function forget(tag: string): Promise<void> {
  const isSettled = (jobId: string) => existsSync(join(objects, 'receipts', `${jobId}.json`));
  try {
    await keepAndForget({ busRoot, ledger, folder, tag, random, isSettled });
  } catch {
    // The object store is away: nothing was acknowledged.
  }
}

/**
 * One job of one to three artifacts. One of ten does not fit its table; one of seven comes a second
 * time under another job id, which must end as a duplicate.
 */
async function submitOne(runId: string): Promise<void> {
  const bad = !isFirst && random.next() < 0.1;
  const again = !isFirst && random.next() < 0.15;
  const size = isFirst ? tableNames.length : random.int(1, 3);
  const artifacts = [];
  for (let n = 0; n < size; n++) {
    const table = isFirst ? (tableNames[n] as string) : bad || random.next() < 0.7 ? random.pick(tableNames) : null;
    const path = join(folder, `${runId}-${n}.parquet`);
    const rows = random.int(bad ? 1 : 0, 40); // no rows fit any table
    await writeSmallParquet(path, {
      columns: { run: 'string', n: 'int64', price: bad ? 'string' : 'double' },
      rows: Array.from({ length: rows }, (_, r) => ({ run: runId, n: r, price: bad ? 'x' : random.next() })),
    });
    const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex');
    artifacts.push({ artifactId: `a${n}`, parquetPath: path, rows, table, sha256 });
  }
  for (const jobId of [`job-${runId}`, ...(again ? [`job-${runId}-again`] : [])]) {
    writeLedger(ledger, {
      event: 'begin',
      jobId,
      expect: bad ? 'rejected' : 'ingested',
      artifacts: artifacts.map(({ artifactId, parquetPath, rows, table, sha256 }) => ({
        key: `${runId}/faults/load/${artifactId}`,
        sha256,
        rows,
        table,
        file: parquetPath,
      })),
    });
    try {
      await submitArtifacts({
        jobId,
        runId,
        producer: 'faults',
        kind: 'load',
        busRoot,
        artifacts: artifacts.map(({ artifactId, parquetPath, table }) => ({
          artifactId,
          parquetPath,
          ...(table !== null && { schemaHint: `canon.${table}` }),
        })),
      });
      writeLedger(ledger, { event: 'acknowledged', jobId });
    } catch {
      // The object store is away: nothing was acknowledged.
    }
  }
}

/**
 * A real producer, to be killed. It submits jobs with the public API and records in a ledger which
 * ones it began and which were acknowledged. Arguments: bus root, ledger, folder for files, name,
 * number of jobs, seed, and `forgets` if it also keeps, forgets and restores artifacts, or
 * `only-forgets` if it does nothing else.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { submitArtifacts, writeSmallParquet } from '@quantbot/infra/utils';
import { keepAndForget } from './forgetter.js';
import { type LedgerArtifact, writeLedger } from './ledger.js';
import { Random } from './random.js';
import { tables } from './tables.js';

const [busRoot, ledger, folder, name, count, seed, manner] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
  string,
];
const random = new Random(Number(seed));
mkdirSync(folder, { recursive: true });

const tableNames = Object.keys(tables);
/** The very first job of a bus fixes the columns of all tables. */
const isFirst = name === 'first';
const own: LedgerArtifact[] = [];
const isForgetter = manner === 'forgets' || manner === 'only-forgets';

for (let i = 0; i < Number(count); i++) {
  if (manner !== 'only-forgets') await submitOne(`${name}-${i}`, i);
  if (isForgetter) await keepAndForget({ busRoot, ledger, folder, tag: `${name}-${i}`, random, isSettled });
}

function isSettled(jobId: string): boolean {
  return existsSync(join(busRoot, 'processed', jobId, 'RECEIPT.json'));
}

/**
 * Submits one job of one to three artifacts. Most feed a canonical table, some are submitted twice,
 * and some (always the third) do not fit their table.
 */
async function submitOne(runId: string, i: number): Promise<void> {
  const bad = !isFirst && (random.next() < 0.1 || i === 2);
  const artifacts = [];
  const size = isFirst ? tableNames.length : random.int(1, 3);
  for (let n = 0; n < size; n++) {
    const table = isFirst ? (tableNames[n] as string) : bad || random.next() < 0.7 ? random.pick(tableNames) : null;
    const path = join(folder, `${runId}-${n}.parquet`);
    const rows = random.int(bad ? 1 : 0, 20); // no rows fit any table
    // The canonical tables have a DOUBLE price, so a text price makes the daemon reject the whole
    // job.
    await writeSmallParquet(path, {
      columns: { run: 'string', n: 'int64', price: bad ? 'string' : 'double' },
      rows: Array.from({ length: rows }, (_, r) => ({ run: runId, n: r, price: bad ? 'x' : random.next() })),
    });
    artifacts.push({ artifactId: `a${n}`, parquetPath: path, rows, table });
  }
  const jobId = `job-${runId}`;
  const inputs = manner === 'forgets' && own.length > 0 && random.next() < 0.4 ? [random.pick(own).key] : [];
  const job = {
    jobId,
    runId,
    producer: 'faults',
    kind: 'load',
    busRoot,
    ...(inputs.length > 0 && { inputs }),
    artifacts: artifacts.map(({ table, ...a }) => ({ ...a, ...(table !== null && { schemaHint: `canon.${table}` }) })),
  };
  const entries = artifacts.map(a => ({
    key: `${runId}/faults/load/${a.artifactId}`,
    sha256: createHash('sha256').update(readFileSync(a.parquetPath)).digest('hex'),
    rows: a.rows,
    table: a.table,
    file: a.parquetPath,
  }));
  writeLedger(ledger, { event: 'begin', jobId, expect: bad ? 'rejected' : 'ingested', artifacts: entries });
  await submitArtifacts(job);
  writeLedger(ledger, { event: 'acknowledged', jobId });
  if (!bad) own.push(...entries);
  if (random.next() < 0.2) await submitArtifacts(job).catch(() => {}); // a retry; the first attempt counts
}

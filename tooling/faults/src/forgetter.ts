import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { submitOperation } from '@quantbot/infra/bus';
import { submitArtifacts, writeSmallParquet } from '@quantbot/infra/utils';
import { type LedgerArtifact, type LedgerJob, type LedgerOp, readLedger, writeLedger } from './ledger.js';
import type { Random } from './random.js';

/** A producer that keeps and forgets. */
interface Forgetter {
  busRoot: string;
  ledger: string;
  /** For files of other content. */
  folder: string;
  /** Part of the names of its jobs. */
  tag: string;
  random: Random;
  /** Whether a job has its receipt. */
  isSettled: (jobId: string) => boolean;
}

/**
 * Keeps, forgets and submits again some artifacts of any producer. The first job, which fixes the
 * columns of all tables, stays.
 */
export async function keepAndForget(forgetter: Forgetter): Promise<void> {
  const { ledger, random, tag, isSettled } = forgetter;
  const jobs = [...readLedger(ledger).values()].filter(
    ({ jobId, acknowledged, expect, op }) =>
      acknowledged && expect === 'ingested' && op === undefined && !jobId.startsWith('job-first-'),
  );
  const settled = jobs.filter(({ jobId }) => isSettled(jobId));
  const keyOf = (among: LedgerJob[]) => (random.pick(random.pick(among).artifacts) as LedgerArtifact).key;
  if (settled.length > 0 && random.next() < 0.25)
    await operate(forgetter, `keep-${tag}`, { type: 'keep', keys: [keyOf(settled)], keep: random.next() < 0.8 });
  if (jobs.length > 0 && random.next() < 0.6) {
    const keys = Array.from({ length: random.int(1, 4) }, () => keyOf(jobs));
    const rows = random.next() < 0.3 ? ('drop' as const) : ('default' as const);
    const op = { type: 'forget' as const, keys: [...new Set(keys)], force: random.next() < 0.15, rows };
    await operate(forgetter, `forget-${tag}`, op);
  }
  if (settled.length > 0 && random.next() < 0.4) await submitAgain(forgetter, random.pick(settled));
}

/** The reason of an operation names it in the ledger, because the bus chooses its job id. */
async function operate({ busRoot, ledger }: Forgetter, reason: string, op: LedgerOp): Promise<void> {
  writeLedger(ledger, { event: 'begin', jobId: reason, op });
  const { keys, ...rest } = op;
  await submitOperation({ ...rest, artifact_keys: keys, reason, by: null }, { busRoot });
  writeLedger(ledger, { event: 'acknowledged', jobId: reason });
}

/**
 * Submits the artifacts of a job under another job id. Sometimes the first has other bytes, which
 * is a conflict, whether it is forgotten or not.
 */
async function submitAgain({ busRoot, ledger, folder, tag, random }: Forgetter, job: LedgerJob): Promise<void> {
  const isOther = random.next() < 0.2;
  const artifacts = [...job.artifacts];
  if (isOther)
    artifacts[0] = await withOtherBytes(artifacts[0] as LedgerArtifact, join(folder, `${tag}-other.parquet`));
  const jobId = `again-${tag}`;
  const runId = (artifacts[0] as LedgerArtifact).key.split('/')[0] as string;
  writeLedger(ledger, { event: 'begin', jobId, expect: isOther ? 'rejected' : 'ingested', artifacts });
  await submitArtifacts({
    jobId,
    runId,
    producer: 'faults',
    kind: 'load',
    busRoot,
    artifacts: artifacts.map(({ key, file, table }) => ({
      artifactId: key.split('/')[3] as string,
      parquetPath: file as string,
      ...(table !== null && { schemaHint: `canon.${table}` }),
    })),
  });
  writeLedger(ledger, { event: 'acknowledged', jobId });
}

async function withOtherBytes(artifact: LedgerArtifact, file: string): Promise<LedgerArtifact> {
  const rows = [{ run: 'other', n: 0, price: 0 }];
  await writeSmallParquet(file, { columns: { run: 'string', n: 'int64', price: 'double' }, rows });
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
  return { ...artifact, rows: 1, sha256, file };
}

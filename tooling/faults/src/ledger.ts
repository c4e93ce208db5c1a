import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/** A submitted artifact, its expected table, and the producer's own file of it. */
export interface LedgerArtifact {
  key: string;
  sha256: string;
  rows: number;
  table: string | null;
  file?: string;
}

/** An operation that keeps or forgets artifacts. */
export type LedgerOp =
  | { type: 'keep'; keys: string[]; keep: boolean }
  | { type: 'forget'; keys: string[]; force: boolean; rows: 'default' | 'drop' };

/** A producer's record of a submission: before it begins, and once the bus has acknowledged it. */
export interface LedgerLine {
  event: 'begin' | 'acknowledged';
  /** An operation gets its id from the bus. Here it has its reason instead. */
  jobId: string;
  /** For `begin` only. */
  artifacts?: LedgerArtifact[];
  expect?: 'ingested' | 'rejected';
  op?: LedgerOp;
}

/** One submission as the ledger knows it. */
export interface LedgerJob {
  jobId: string;
  acknowledged: boolean;
  expect: 'ingested' | 'rejected';
  artifacts: LedgerArtifact[];
  op?: LedgerOp | undefined;
}

/**
 * Appends a line. It has reached the kernel when this returns, so it survives a kill of the
 * producer.
 */
export const writeLedger = (path: string, line: LedgerLine): void => appendFileSync(path, `${JSON.stringify(line)}\n`);

/**
 * Reads all submissions by job id. Skips a torn last line, from a producer that was killed while
 * writing it.
 */
export function readLedger(path: string): Map<string, LedgerJob> {
  const jobs = new Map<string, LedgerJob>();
  if (!existsSync(path)) return jobs;
  for (const text of readFileSync(path, 'utf8').split('\n')) {
    const line = parseLine(text);
    if (line === undefined) continue;
    const { jobId, event, artifacts = [], expect = 'ingested', op } = line;
    const there = jobs.get(jobId);
    if (event === 'begin' && there === undefined)
      jobs.set(jobId, { jobId, acknowledged: false, artifacts, expect, op });
    else if (event === 'acknowledged' && there !== undefined) there.acknowledged = true;
  }
  return jobs;
}

function parseLine(text: string): LedgerLine | undefined {
  try {
    return text === '' ? undefined : (JSON.parse(text) as LedgerLine);
  } catch {
    return undefined;
  }
}

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@quantbot/infra';
import type { BusLayout } from '@quantbot/infra/bus';
import { duckDbFault } from '../duckdb-fault.js';
import { DaemonError, daemonError, ignoreMissing, isDamage } from '../errors.js';
import { isTableFile, listHotCommits, listSegments, positionIn, seqName } from '../journal/files.js';
import { type CanonTable, shownName } from './table.js';

/**
 * How far a canonical table lags behind the journal. A damaged stored file, or one that takes more
 * memory than there is, keeps its table from being compacted; the views then continue to read
 * `hot/`.
 */
export interface Behind {
  /** The segments of the table hold jobs up to this seq. */
  after: number;
  /** Commits in the segments of the journal that have files of the table. */
  commits: readonly number[];
}

/**
 * Returns the tables that lag, by name. A table lags if a commit in the journal's segments has a
 * file of it that is newer than all segments of the table.
 *
 * @param compactedUpTo the last commit in the segments of a table; read from its folder by default.
 */
export async function tablesBehind(
  layout: BusLayout,
  compactedSeq: number,
  compactedUpTo = (table: string) => lastCompacted(layout, table, compactedSeq),
): Promise<Map<string, Behind>> {
  const behind = new Map<string, Behind>();
  const known = new Map<string, number>();
  for (const commit of await listHotCommits(layout.hot)) {
    if (commit > compactedSeq) break;
    for (const file of (await readdir(join(layout.hot, seqName(commit))).catch(ignoreMissing)) ?? []) {
      if (!isTableFile(file)) continue;
      const table = file.split('~', 1)[0] as string;
      const last = known.get(table) ?? (await compactedUpTo(table));
      known.set(table, last);
      if (commit <= last) continue;
      // A backup keeps only the names of these files and reads their rows from the store again.
      if ((await stat(join(layout.hot, seqName(commit), file)).catch(ignoreMissing))?.size === 0) continue;
      const { after, commits } = behind.get(table) ?? { after: Number.POSITIVE_INFINITY, commits: [] };
      const seq = Number(positionIn(file).split('-', 1)[0]);
      behind.set(table, { after: Math.min(after, seq - 1), commits: [...new Set([...commits, commit])] });
    }
  }
  return behind;
}

async function lastCompacted(layout: BusLayout, table: string, compactedSeq: number): Promise<number> {
  return (await listSegments(join(layout.canon, table), compactedSeq)).live.at(-1)?.last ?? 0;
}

/** Called when a file blocks the work on a canonical table, with the first name of the table. */
export type OnDamage = (error: CodedError<string>, table: string) => void;

/** Rethrows, for callers that cannot handle damage. */
export const throwDamage: OnDamage = error => {
  throw error;
};

/**
 * Does work for one table. If its files are damaged, or cannot be compacted, that is reported and
 * does not stop the work of other tables.
 *
 * @returns false if the table has to wait.
 */
export async function withoutDamage(
  table: Pick<CanonTable, 'name' | 'shownAs'>,
  work: () => Promise<boolean>,
  onDamage: OnDamage,
): Promise<boolean> {
  try {
    return await work();
  } catch (error) {
    const fault = isDamage(error) ? error : faultOfTable(error, shownName(table));
    if (fault === undefined) throw error;
    onDamage(fault, table.name);
    return false;
  }
}

/** Codes of a worker process that the files of a table may have ended. */
const ends: readonly string[] = ['WORKER_CRASHED', 'WORKER_KILLED', 'WORKER_MEMORY', 'WORKER_TIMEOUT'];

/** Returns `COMPACTION_FAILED` for an error that the files of a table cause; else undefined. */
function faultOfTable(error: unknown, table: string): CodedError<string> | undefined {
  if (!isFaultOfFiles(error)) return undefined;
  const [reason = ''] = (error as Error).message.split('\n', 1);
  return daemonError('COMPACTION_FAILED', `canon.${table} could not be compacted: ${reason}`, { cause: error });
}

/** Whether the files that DuckDB reads are the cause of an error. */
export function isFaultOfFiles(error: unknown): boolean {
  if (error instanceof DaemonError) return ends.includes(error.code);
  if (error instanceof CodedError) return true; // a worker says which value it cannot write
  return error instanceof Error && ['memory', 'range', 'unsupported', 'poisoned'].includes(duckDbFault(error.message));
}

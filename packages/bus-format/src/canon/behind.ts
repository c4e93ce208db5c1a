import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BusLayout, CodedError } from '@quantbot/infra';
import { ignoreMissing, isDamage } from '../errors.js';
import { listHotCommits, listSegments, positionIn, seqName } from '../journal/files.js';

/**
 * How far a canonical table is behind the journal: a damaged stored file keeps the table from being
 * compacted, and its views go on reading in `hot/`.
 */
export interface Behind {
  /** Jobs up to here are in the table's segments. */
  after: number;
  /** Commits in the journal's segments that have files of the table. */
  commits: readonly number[];
}

/**
 * The tables that wait, by name. The files tell it: the journal's segments have a commit, and a
 * file in it is newer than all segments of its table.
 *
 * @param compactedUpTo the last commit in the segments of a table; looked up in its folder when
 * absent.
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
      if (!file.includes('~')) continue;
      const table = file.split('~', 1)[0] as string;
      const last = known.get(table) ?? (await compactedUpTo(table));
      known.set(table, last);
      if (commit <= last) continue;
      // A backup keeps the names of these files only: their rows are read from the store again.
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

/** Is told that a damaged file keeps a canonical table waiting. */
export type OnDamage = (error: CodedError<string>, table: string) => void;

/** For who can do nothing about it. */
export const throwDamage: OnDamage = error => {
  throw error;
};

/**
 * Does work for one table. Damage is told, and keeps no other table from its work; false is
 * returned then.
 */
export async function withoutDamage(table: string, work: () => Promise<boolean>, onDamage: OnDamage): Promise<boolean> {
  try {
    return await work();
  } catch (error) {
    if (!isDamage(error)) throw error;
    onDamage(error, table);
    return false;
  }
}

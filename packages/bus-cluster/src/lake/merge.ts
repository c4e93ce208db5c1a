import { isDamage } from '@quantbot/bus-format';
import { query } from '@quantbot/bus-format/duckdb';
import type { OpenLake } from '@quantbot/storage/lake';
import { removeWholeFiles } from './erase.js';
import { currentFiles } from './lake-files.js';
import { disjoint, rangesOf, type SeqRange } from './ranges.js';
import { filesOf, metadata } from './tables.js';
import { inTransaction } from './transaction.js';
import { addFiles, type LakePlace, mustBeSound, writeFile } from './write-file.js';

/** Files below this size are merged. */
export const smallBytes = 64 * 1024 * 1024;
/** The largest sum of files that are merged into one. */
const maxMergedBytes = 256 * 1024 * 1024;

/** Consecutive files of a canonical table. They have all rows of some jobs, and no others. */
interface Run extends SeqRange {
  table: string;
}

/**
 * Merges small files of the canonical tables that have more than so many. DuckLake's own merge
 * writes Bloom filters, with which DuckDB misses rows (see storage, parquet/bloom.ts), and loses
 * the sign of zero. No option changes that. Here, the merged file is ours, and takes the place of
 * the others in one transaction.
 *
 * @returns whether something was merged.
 * @throws DaemonError `FILE_DAMAGED` for files that were not merged, after all others.
 */
export async function mergeTables(
  lake: Pick<OpenLake, 'connection'>,
  place: LakePlace,
  smallFiles: number,
): Promise<boolean> {
  const runs = await runsOf(lake, smallFiles);
  if (runs.length > 0) await removeWholeFiles(lake);
  let fault: unknown;
  for (const run of runs)
    await mergeRun(lake, place, run).catch(error => {
      if (!isDamage(error)) throw error;
      fault = error;
    });
  if (fault !== undefined) throw fault;
  return runs.length > 0;
}

async function runsOf(lake: Pick<OpenLake, 'connection'>, smallFiles: number): Promise<Run[]> {
  const tables = await query<{ table: string }>(
    lake.connection,
    `SELECT "table" FROM (${currentFiles(`${metadata}.`)}) WHERE schema = '_files' AND bytes < ${smallBytes}
     GROUP BY ALL HAVING count(*) > ${smallFiles} ORDER BY ALL`,
  );
  const runs: Run[] = [];
  for (const { table } of tables) {
    let open: Run | undefined;
    for (const range of disjoint(await rangesOf(lake, table))) {
      if (range.bytes >= smallBytes) open = undefined;
      else if (open !== undefined && open.bytes + range.bytes <= maxMergedBytes) {
        open.lastSeq = range.lastSeq;
        open.paths.push(...range.paths);
        open.bytes += range.bytes;
      } else {
        open = { table, ...range };
        runs.push(open);
      }
    }
  }
  return runs.filter(run => run.paths.length > 1);
}

/** Deleting all rows of a file removes the file from the table, and writes no other file. */
async function mergeRun(
  lake: Pick<OpenLake, 'connection'>,
  place: LakePlace,
  { table, firstSeq, lastSeq, paths }: Run,
): Promise<void> {
  await mustBeSound(place, paths);
  const rows = `${filesOf(table)} WHERE _seq BETWEEN ${firstSeq} AND ${lastSeq}`;
  await inTransaction(lake, async () => {
    const file = await writeFile(lake, table, {
      place,
      name: `merged-${firstSeq}-${lastSeq}`,
      sql: `SELECT * FROM ${rows}`,
    });
    await lake.connection.run(`DELETE FROM ${rows}`);
    await addFiles(lake, table, [file]);
  });
}

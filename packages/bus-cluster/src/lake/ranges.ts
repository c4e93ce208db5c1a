import { query } from '@quantbot/bus-format/duckdb';
import { literal } from '@quantbot/bus-format/sql';
import type { OpenLake } from '@quantbot/storage/lake';
import { filesWithJobs } from './lake-files.js';
import { metadata } from './tables.js';

/** The jobs of one file of a canonical table, or of several. */
export interface SeqRange {
  firstSeq: number;
  lastSeq: number;
  /** Where its files lie. */
  paths: string[];
  bytes: number;
}

/** Returns the range of each file of a table, by its first job. */
export async function rangesOf({ connection }: Pick<OpenLake, 'connection'>, table: string): Promise<SeqRange[]> {
  const files = await query<{ firstSeq: bigint; lastSeq: bigint; path: string; bytes: bigint }>(
    connection,
    `SELECT first_seq AS "firstSeq", last_seq AS "lastSeq", path, bytes FROM (${filesWithJobs(`${metadata}.`)})
     WHERE "table" = ${literal(table)} ORDER BY first_seq`,
  );
  return files.map(({ firstSeq, lastSeq, path, bytes }) => ({
    firstSeq: Number(firstSeq),
    lastSeq: Number(lastSeq),
    paths: [path],
    bytes: Number(bytes),
  }));
}

/**
 * Joins ranges that overlap: a restored artifact has a file of its own, within the range of another
 * one. Each result has all rows of its jobs.
 */
export function disjoint(ranges: readonly SeqRange[]): SeqRange[] {
  const joined: SeqRange[] = [];
  for (const range of ranges) {
    const last = joined.at(-1);
    if (last === undefined || range.firstSeq > last.lastSeq) joined.push({ ...range, paths: [...range.paths] });
    else {
      last.lastSeq = Math.max(last.lastSeq, range.lastSeq);
      last.paths.push(...range.paths);
      last.bytes += range.bytes;
    }
  }
  return joined;
}

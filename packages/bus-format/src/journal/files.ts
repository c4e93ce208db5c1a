import { lstatSync, readdirSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BusLayout } from '@quantbot/infra/bus';
import { systemErrorCode } from '@quantbot/infra/files';
import { machineFaultIn } from '../duckdb-fault.js';
import { daemonError, ignoreMissing } from '../errors.js';

/** The width of sequence numbers in names, so that name order is number order. */
export const seqDigits = 12;
const ordinalDigits = 5;

/** Returns a sequence number as in file names. */
export const seqName = (seq: number): string => String(seq).padStart(seqDigits, '0');

/**
 * The folder in `hot/` that always exists and holds an empty file for every glob, because DuckDB
 * refuses an empty glob.
 */
export const emptyCommit = seqName(0);

/**
 * The name of a canonical table's file inside a commit:
 * `<table>~<generation>~<seq>-<ordinal>.parquet`.
 */
export const tableFileName = (table: string, generation: number, seq: number, ordinal: number): string =>
  `${table}~${generation}~${seqName(seq)}-${String(ordinal).padStart(ordinalDigits, '0')}.parquet`;

/** Returns `<seq>-<ordinal>` of a {@link tableFileName} or a path that ends in one. */
export function positionIn(path: string): string {
  const [, seq, ordinal] = /~(\d+)-(\d+)\.parquet$/.exec(path) ?? [];
  return `${Number(seq)}-${Number(ordinal)}`;
}

/** The name of a table's empty file in {@link emptyCommit}. */
export const emptyTableFileName = (table: string, generation: number): string => `${table}~${generation}~empty.parquet`;

/** A compacted file: the commits from `first` to `last`. Its name is its manifest. */
export interface Segment {
  first: number;
  last: number;
  name: string;
  bytes: number;
}

/** The name of a segment. */
export const segmentName = (first: number, last: number): string => `${seqName(first)}-${seqName(last)}.parquet`;

const segmentPattern = /^(\d{12})-(\d{12})\.parquet$/;

/**
 * Lists the segments of a folder: the live ones in order, and the others, which lie within a wider
 * one and are garbage. A missing folder has none.
 */
export async function listSegments(
  folder: string,
  upTo = Number.POSITIVE_INFINITY,
): Promise<{ live: Segment[]; garbage: string[] }> {
  const all = await readSegments(folder);
  const live = liveSegments(all, upTo);
  return { live, garbage: all.filter(s => !live.includes(s)).map(s => s.name) };
}

/** Reads the names of all segments in a folder. A missing folder has none. */
export async function readSegments(folder: string): Promise<Segment[]> {
  const names = await readdir(folder).catch(error => {
    if (error.code === 'ENOENT') return [] as string[];
    throw error;
  });
  const all: Segment[] = [];
  for (const name of names) {
    const match = segmentPattern.exec(name);
    if (match === null) continue;
    const info = await stat(join(folder, name)).catch(ignoreMissing); // compaction may have removed it
    if (info !== undefined) all.push({ first: Number(match[1]), last: Number(match[2]), name, bytes: info.size });
  }
  return all;
}

/** The segments up to a seq that lie within no wider one, in order. */
export function liveSegments(all: readonly Segment[], upTo: number): Segment[] {
  const candidates = all.filter(s => s.last <= upTo);
  return candidates
    .filter(s => !candidates.some(wider => wider !== s && wider.first <= s.first && wider.last >= s.last))
    .sort((a, b) => a.first - b.first);
}

/** Returns whether the live segments of a folder differ from these. */
export async function haveMoved(folder: string, segments: readonly Segment[]): Promise<boolean> {
  const { live } = await listSegments(folder);
  return live.length !== segments.length || live.some(({ name }, at) => name !== segments[at]?.name);
}

/**
 * A gap between segments means that someone deleted a part of the journal.
 *
 * @throws DaemonError `JOURNAL_DAMAGED`.
 */
export function mustFollowEachOther(segments: readonly Segment[]): void {
  let next = 1;
  for (const { first, last } of segments) {
    if (first !== next)
      throw daemonError('JOURNAL_DAMAGED', `journal/segments has no rows for the jobs ${next} to ${first - 1}.`);
    next = last + 1;
  }
}

/**
 * Whether a name in a commit's folder belongs to a file of a canonical table. Files that were moved
 * aside there do not count.
 */
export const isTableFile = (name: string): boolean => name.includes('~') && name.endsWith('.parquet');

/**
 * Returns the number of a commit's files of canonical tables; 0 if compaction has removed it
 * meanwhile.
 */
export function countTableFiles({ hot }: BusLayout, seq: number): number {
  try {
    return readdirSync(join(hot, seqName(seq))).filter(isTableFile).length;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return 0; // another check reports a damaged folder
    throw error;
  }
}

/** The commits in `hot/` by the last seq of each, in order, without the empty one. */
export async function listHotCommits(hot: string): Promise<number[]> {
  const names = await readdir(hot);
  return names
    .filter(name => /^\d{12}$/.test(name) && name !== emptyCommit)
    .map(Number)
    .sort((a, b) => a - b);
}

/**
 * Refuses anything but regular files: DuckDB would wait forever for a writer of a FIFO. A missing
 * file was compacted meanwhile.
 *
 * @throws DaemonError `JOURNAL_DAMAGED`.
 */
export function mustBeFiles(paths: readonly string[]): void {
  for (const path of paths)
    if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === false)
      throw daemonError('JOURNAL_DAMAGED', `${path} is not a regular file.`);
}

/** The error of a journal that DuckDB cannot read. */
export function unreadable(cause: unknown): Error {
  const { message } = cause as Error;
  return (
    machineFaultIn(message) ?? daemonError('JOURNAL_DAMAGED', `The journal cannot be read: ${message}.`, { cause })
  );
}

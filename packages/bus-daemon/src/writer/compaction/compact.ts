import { readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isDamage, literalList, schemaMap, selectList } from '@quantbot/bus-format';
import {
  type CanonTable,
  modes,
  newestSeqOf,
  type OnDamage,
  originColumns,
  rowsInOneScan,
  type StoredFile,
  type StreamedRows,
  shownInOrder,
  shownStreamed,
  storedBetween,
  storedRows,
  tablesBehind,
  throwDamage,
  withoutDamage,
} from '@quantbot/bus-format/canon';
import {
  isTableFile,
  journalColumns,
  placeIn,
  type Segment,
  segmentName,
  segmentsToMerge,
  seqName,
  similarSegmentsToMerge,
} from '@quantbot/bus-format/journal';
import type { HotTableFile } from '@quantbot/bus-format/views';
import {
  type BulkWriter,
  type CopyTask,
  mustBeSound,
  type SourceFile,
  writingMemoryMb,
} from '@quantbot/duckdb-process';
import type { BusLayout } from '@quantbot/infra/bus';
import { faultPoint, makeFolderDurable, makingWay, syncFile, syncFolder } from '@quantbot/infra/files';
import type { Bus } from '../bus.js';
import { asSource, shownFiles } from '../publish/snapshot.js';
import { linkAgain } from './link-again.js';

const timeoutMs = 1_800_000;

/** How a compaction handles tables with damaged files. */
export interface CompactionOptions {
  /** Called for a table that must wait; all others continue. By default damage is thrown. */
  onDamage?: OnDamage;
  /** Tables to skip. */
  skip?: ReadonlySet<string>;
}

/**
 * Compacts all current commits in `hot/` into segments: first those of the canonical tables, then
 * that of the journal. The rename of the journal's segment is the switch: until then, readers
 * ignore the newer table segments. A table with a file that is damaged or too large gets no
 * segment. Its commits stay in `hot/`, and a later compaction retries them. Nothing is deleted
 * here.
 *
 * @returns whether there was anything to do. The caller publishes afterwards.
 */
export async function compactHot(
  bus: Bus,
  compactor: BulkWriter,
  { onDamage = throwDamage, skip = new Set() }: CompactionOptions = {},
): Promise<boolean> {
  const { compactedSeq } = bus.journal;
  const commits = [...bus.journal.hotCommits];
  const last = commits.at(-1) ?? compactedSeq;
  const behind = await tablesBehind(bus.layout, compactedSeq);
  if (last === compactedSeq && behind.size === 0) return false;
  await mustBeSound(sealedSources(bus, commitFilesOf(bus, commits)));
  const earliest = [...behind.values()].reduce((first, { after }) => Math.min(first, after + 1), compactedSeq + 1);
  let stored: Promise<Map<string, StoredFile>> | undefined;
  const storedFiles = () => {
    stored ??= storedBetween(bus.journal, earliest, last);
    return stored;
  };
  let changed = last > compactedSeq;
  const filesIn = await tableFilesBySeq(bus, [
    ...new Set([...[...behind.values()].flatMap(b => b.commits), ...commits]),
  ]);
  for (const table of bus.tables.tables()) {
    if (skip.has(table.name)) continue;
    const { after, commits: older } = behind.get(table.name) ?? { after: compactedSeq, commits: [] };
    const paths = [...older, ...commits].flatMap(seq => filesIn.get(table.name)?.get(seq) ?? []);
    if (paths.length === 0) continue;
    // Rows of artifacts that were forgotten meanwhile do not stay in a table that drops them. If no
    // file is left, an empty segment ends those in `hot/`.
    const files = shownFiles(paths, await storedFiles());
    const compact = () => compactTable(bus, compactor, table, files, { first: after + 1, last });
    if (await withoutDamage(table, compact, onDamage)) changed = true;
  }
  faultPoint('compact:tables-written');
  if (last > compactedSeq) {
    const files = commitFilesOf(bus, commits);
    const sql = `SELECT ${selectList(journalColumns)} FROM read_parquet(${literalList(files)}, schema = ${schemaMap(journalColumns)}) ORDER BY seq, ordinal`;
    const sources = sealedSources(bus, files);
    await writeSegment(bus, compactor, bus.layout.segments, segmentName(compactedSeq + 1, last), { sql, sources });
    faultPoint('compact:switched');
  }
  if (changed) await bus.journal.reload();
  return changed;
}

const sealedSources = ({ layout }: Bus, files: readonly string[]): SourceFile[] =>
  files.map(path => ({ path, place: placeIn(layout, path) }));

const commitFilesOf = ({ layout }: Bus, commits: readonly number[]): string[] =>
  commits.map(seq => join(layout.hot, seqName(seq), 'commit.parquet'));

async function compactTable(
  bus: Bus,
  compactor: BulkWriter,
  table: CanonTable,
  files: readonly HotTableFile[],
  { first, last }: Pick<Segment, 'first' | 'last'>,
): Promise<boolean> {
  const rows = await keptRows(bus, table, last);
  const sql = rows.inOrder(storedRows(table.columns, files));
  const streamed = () => rows.streamed(rowsInOneScan(table.columns, [], files));
  const folder = join(bus.layout.canon, table.name);
  const sources = files.map(asSource);
  const write = () => writeSegment(bus, compactor, folder, segmentName(first, last), { sql, streamed, sources });
  await write().catch(async error => {
    if (!isDamage(error) || !(await linkAgain(bus, sources))) throw error;
    await write();
  });
  return true;
}

/**
 * Merges segments of similar size, at most one merge per folder. A table with a damaged segment
 * stays unchanged.
 *
 * @param onDamage called for such a table.
 * @returns whether anything was merged. The caller publishes afterwards.
 */
export async function mergeTiers(bus: Bus, compactor: BulkWriter, onDamage = throwDamage): Promise<boolean> {
  let merged = false;
  for (const table of bus.tables.tables()) {
    const folder = join(bus.layout.canon, table.name);
    const live = await bus.tableSegments.live(table.name, bus.journal.compactedSeq);
    if (live.length < 2) continue;
    const columns = [...table.columns, ...originColumns];
    const shown = (last: number) => keptRows(bus, table, last);
    const group = modes[table.mode].showsEveryRow ? similarSegmentsToMerge(live) : segmentsToMerge(live);
    const merge = () => mergeIn(bus, compactor, folder, group, columns, shown);
    merged = (await withoutDamage(table, merge, onDamage)) || merged;
  }
  const group = segmentsToMerge(bus.journal.segments);
  const journal = await mergeIn(bus, compactor, bus.layout.segments, group, journalColumns);
  if (merged || journal) await bus.journal.reload();
  return merged || journal;
}

/** Returns SQL for some of these rows, in their order. */
interface KeptRows {
  inOrder: (rows: string) => string;
  /** For rows that are too large to be sorted. See `shownStreamed`. */
  streamed: (rows: string) => StreamedRows;
}

/**
 * Returns the rows up to a seq that the table's mode shows. A compacted file need not keep the
 * others.
 */
async function keptRows(bus: Bus, table: CanonTable, upTo: number): Promise<KeptRows> {
  const newest = String(modes[table.mode].onlyNewestJob ? await newestSeqOf(bus.journal, table.name, upTo) : 0);
  return {
    inOrder: rows => shownInOrder(table, rows, newest),
    streamed: rows => shownStreamed(table, rows, newest),
  };
}

/**
 * Merges segments, unless it is one or none. Each has its rows in order, and they come after those
 * of the one before.
 */
async function mergeIn(
  bus: Bus,
  compactor: BulkWriter,
  folder: string,
  group: readonly Segment[],
  columns: readonly { name: string; type: string }[],
  shown: (last: number) => Promise<KeptRows> = async () => ({
    inOrder: rows => rows,
    streamed: sql => ({ setup: [], sql }),
  }),
): Promise<boolean> {
  const [first, last] = [group[0], group.at(-1)];
  if (group.length < 2 || first === undefined || last === undefined) return false;
  const files = group.map(segment => join(folder, segment.name));
  const rows = `SELECT ${selectList(columns)} FROM read_parquet(${literalList(files)}, schema = ${schemaMap(columns)})`;
  const { inOrder, streamed } = await shown(last.last);
  const sources = sealedSources(bus, files);
  const select = { sql: inOrder(rows), streamed: () => streamed(rows), sources };
  await writeSegment(bus, compactor, folder, segmentName(first.first, last.last), select);
  return true;
}

/**
 * Writes a segment, which appears complete or not at all: temporary name, flush, rename, flush of
 * the folder. The segment contains its own checksum.
 *
 * @throws TaskError `FILE_DAMAGED` if one of its source files has changed. Nothing is written then.
 */
export async function writeSegment(
  bus: Bus,
  compactor: BulkWriter,
  folder: string,
  name: string,
  select: Pick<CopyTask, 'sql' | 'streamed'> & { sources: readonly SourceFile[] },
): Promise<void> {
  await makeFolderDurable(folder);
  const building = join(bus.layout.building, `segment-${bus.newClaim()}.parquet`);
  try {
    const task: CopyTask = {
      task: 'copy',
      setup: [],
      ...select,
      untrusted: false,
      readable: [],
      path: building,
      file: { compression: 'zstd', readBack: true, seal: { place: placeIn(bus.layout, join(folder, name)) } },
      memoryMb: writingMemoryMb(bus.config.limits),
    };
    await compactor.inTurn(() => compactor.write(task, timeoutMs));
    await syncFile(building);
    faultPoint('compact:before-rename');
    await bus.tableSegments.change(basename(folder), () => {
      const path = join(folder, name);
      return makingWay(path, () => rename(building, path));
    });
    faultPoint('compact:after-rename');
    await syncFolder(folder);
  } finally {
    await rm(building, { force: true });
  }
}

/** Returns the files of a canonical table in these commits of `hot/`. */
export async function tableFilesIn({ hot }: BusLayout, commits: readonly number[], table: string): Promise<string[]> {
  const files: string[] = [];
  for (const seq of commits) {
    const folder = join(hot, seqName(seq));
    for (const name of await readdir(folder))
      if (isTableFile(name) && name.startsWith(`${table}~`)) files.push(join(folder, name));
  }
  return files;
}

/**
 * Returns the files of canonical tables in these commits, by table and commit. Reads each folder
 * once.
 */
async function tableFilesBySeq(bus: Bus, commits: readonly number[]): Promise<Map<string, Map<number, string[]>>> {
  const files = new Map<string, Map<number, string[]>>();
  for (const seq of commits) {
    const folder = join(bus.layout.hot, seqName(seq));
    for (const name of await readdir(folder)) {
      if (!isTableFile(name)) continue;
      const table = name.split('~', 1)[0] as string;
      const bySeq = files.get(table) ?? new Map<number, string[]>();
      files.set(table, bySeq.set(seq, [...(bySeq.get(seq) ?? []), join(folder, name)]));
    }
  }
  return files;
}

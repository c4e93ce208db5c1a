import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { literalList, schemaMap, selectList } from '@quantbot/bus-format';
import {
  areWithin,
  artifactsOfTable,
  type Behind,
  type CanonTable,
  canonicalRows,
  forgottenOfTable,
  keptName,
  modes,
  newTable,
  noteMode,
  type OnDamage,
  originColumns,
  rowsInOneScan,
  shownInOrder,
  shownStreamed,
  storedRows,
  type TableStart,
  tablesBehind,
  throwDamage,
  turnsOfTables,
  wasMadeForAnotherMode,
  withoutDamage,
} from '@quantbot/bus-format/canon';
import {
  checkSeal,
  type JournalRow,
  listSegments,
  placeIn,
  readSegments,
  segmentName,
} from '@quantbot/bus-format/journal';
import type { BulkWriter, SourceFile } from '@quantbot/duckdb-process';
import { readParquetFooter } from '@quantbot/infra';
import { faultPoint } from '@quantbot/infra/files';
import type { Bus } from '../bus.js';
import { tableFilesIn, writeSegment } from './compact.js';

/** Tables that a damaged file excludes from compaction, by name. See {@link waitingTables}. */
export type WaitingTables = ReadonlyMap<string, Behind>;

/**
 * Returns the tables whose compacted files have fewer or more rows than the journal says, because a
 * file was deleted or replaced. {@link rebuildTable} derives them from the store again.
 */
export async function incompleteTables(bus: Bus, waiting?: WaitingTables): Promise<CanonTable[]> {
  const all = await canonicalRows(bus.journal, bus.journal.compactedSeq);
  const behind = waiting ?? (await waitingTables(bus));
  const incomplete: CanonTable[] = [];
  for (const table of bus.tables.tables()) {
    const folder = join(bus.layout.canon, table.name);
    const compactedSeq = behind.get(table.name)?.after ?? bus.journal.compactedSeq;
    const { live } = await listSegments(folder, compactedSeq);
    const expected = behind.has(table.name) ? await canonicalRows(bus.journal, compactedSeq) : all;
    const counts = await Promise.all(live.map(segment => rowsOf(join(folder, segment.name))));
    const whole = modes[table.mode].showsEveryRow
      ? counts.reduce((sum, n) => sum + Math.max(0, n), 0) === (expected.get(table.name) ?? 0)
      : !counts.includes(unreadable) && (await areWithin(bus.journal, table.name, live, compactedSeq));
    if (!whole) incomplete.push(table);
  }
  return incomplete;
}

/**
 * Rebuilds the compacted files of tables whose configured mode changed: the older files may lack
 * rows that count now. The same for tables whose rows of forgotten artifacts leave, or come back.
 */
export async function followModes(bus: Bus, compactor: BulkWriter, onDamage: OnDamage): Promise<string[]> {
  const followed: string[] = [];
  let waiting: WaitingTables | undefined;
  const turns = await turnsOfTables(bus.journal, bus.journal.compactedSeq);
  for (const { table, start } of await tablesToFollow(bus)) {
    // An operation that comes meanwhile has replaced the table, and a later round follows it.
    const isCurrent = () => bus.tables.startOf(table.name) === start;
    if (!isCurrent()) continue;
    const turn = turns.get(table.name) ?? 0;
    const isHeld = bus.tables.held.has(table.name);
    if (!(await wasMadeForAnotherMode(bus.layout, table, turn))) {
      bus.tableTurns.set(table.name, turn);
      if (isCurrent()) bus.tables.release(table.name);
      continue;
    }
    waiting ??= await waitingTables(bus);
    // The files of a held table end earlier, or are of another one: rebuild it to the end.
    const rebuild = () => rebuildTable(bus, compactor, table, isHeld ? new Map() : waiting, isHeld);
    if (!(await withoutDamage(table, rebuild, onDamage))) continue;
    faultPoint('forget:table-rebuilt');
    await noteMode(bus.layout, table, turn);
    bus.tableTurns.set(table.name, turn);
    if (isCurrent()) bus.tables.release(table.name);
    followed.push(table.name);
  }
  return followed;
}

/**
 * Returns the tables whose compacted files may have to follow: all that exist or are declared, and
 * those that were dropped or restored, once that is compacted.
 */
async function tablesToFollow({ tables, journal, config }: Bus): Promise<FollowedTable[]> {
  const { held } = tables;
  const isThere = (name: string) => tables.get(name) !== undefined || held.has(name);
  const operations = held.size === 0 ? [] : await journal.tableOperations();
  const declared = config.canon.tables
    .filter(({ name }) => !isThere(tables.firstNameOf(name) ?? name))
    .map(table => newTable(table.name, table));
  const moving = operations.filter(({ type }) => type !== 'table_rename');
  const last = new Map(moving.map(({ table, seq }) => [table, seq]));
  const ready = [...held].filter(name => (last.get(name) ?? 0) <= journal.compactedSeq);
  const all = [...tables.tables(), ...declared, ...ready.map(name => tables.get(name) ?? newTable(name, undefined))];
  return all.map(table => ({ table, start: tables.startOf(table.name) }));
}

/** A table whose files may have to follow, and its start at that moment. */
interface FollowedTable {
  table: CanonTable;
  start: TableStart | undefined;
}

/**
 * Rebuilds from the store those tables whose compacted files have rotted or are missing. A table
 * with a damaged stored file stays unchanged.
 *
 * @param onDamage called for such a table.
 * @returns the names of the rebuilt tables.
 */
export async function mendTables(
  bus: Bus,
  compactor: BulkWriter,
  tables: readonly CanonTable[] = bus.tables.tables(),
  onDamage = throwDamage,
): Promise<string[]> {
  if (tables.length === 0) return [];
  const mended: string[] = [];
  const waiting = await waitingTables(bus);
  const incomplete = await incompleteTables(bus, waiting);
  for (const table of tables) {
    if (!incomplete.includes(table) && !(await hasRottenSegment(bus, table))) continue;
    const rebuild = () => rebuildTable(bus, compactor, table, waiting);
    if (await withoutDamage(table, rebuild, onDamage)) mended.push(table.name);
  }
  return mended;
}

async function hasRottenSegment({ layout, journal }: Bus, { name: table }: CanonTable): Promise<boolean> {
  const { live } = await listSegments(join(layout.canon, table), journal.compactedSeq);
  for (const { name } of live) {
    const path = join(layout.canon, table, name);
    if ((await checkSeal(path, { place: placeIn(layout, path) })) === 'rotten') return true;
  }
  return false;
}

/**
 * Writes one segment with all of a table's compacted rows, read from the store. As the widest
 * segment, it replaces all others. This requires that each stored file matches the journal.
 *
 * @param always writes it even without rows, so that no earlier commit in `hot/` counts any more.
 * @returns true.
 * @throws TaskError `FILE_DAMAGED`, which names the artifact.
 */
export async function rebuildTable(
  bus: Bus,
  compactor: BulkWriter,
  table: CanonTable,
  waiting?: WaitingTables,
  always = false,
): Promise<true> {
  const { compactedSeq } = bus.journal;
  const upTo = (waiting ?? (await waitingTables(bus))).get(table.name)?.after ?? compactedSeq;
  const artifacts = await artifactsOfTable(bus.journal, table.name, upTo);
  const folder = join(bus.layout.canon, table.name);
  const { live } = await listSegments(folder, bus.journal.compactedSeq);
  if (artifacts.length === 0 && live.length === 0 && !always) return true;
  const forgotten = await forgottenOfTable(bus.journal, table.name);
  const isStored = ({ artifact_key, rel_path }: JournalRow) =>
    !forgotten.has(artifact_key ?? '') || bus.isStored(rel_path ?? '');
  const stored = artifacts.filter(isStored);
  const rest = await keptRowsOf(
    bus,
    table,
    artifacts.filter(artifact => !isStored(artifact)),
  );
  const files = stored.map(({ rel_path, seq, ordinal, artifact_key }) => ({
    path: join(bus.layout.root, rel_path ?? ''),
    seq,
    ordinal,
    artifactKey: artifact_key ?? '',
  }));
  const rows = [storedRows(table.columns, files), ...rest.parts].join(' UNION ALL ');
  const newest = String(artifacts.at(-1)?.seq ?? 0);
  const sql = shownInOrder(table, rows, newest, rest.parts.length === 0);
  await writeSegment(bus, compactor, folder, segmentName(1, upTo), {
    sql,
    ...(rest.parts.length === 0 && {
      streamed: () => shownStreamed(table, rowsInOneScan(table.columns, [], files), newest),
    }),
    sources: [...sourcesOf(bus, stored), ...rest.sources],
  });
  await rm(join(folder, keptName), { recursive: true, force: true });
  return true;
}

/**
 * Returns the rows of forgotten artifacts, whose bytes are gone: those of the compacted files, and
 * of the copies that a backup made of them.
 */
async function keptRowsOf(
  { layout, journal }: Bus,
  table: CanonTable,
  artifacts: readonly JournalRow[],
): Promise<{ parts: string[]; sources: SourceFile[] }> {
  if (artifacts.length === 0) return { parts: [], sources: [] };
  const folder = join(layout.canon, table.name);
  const live = (await listSegments(folder, journal.compactedSeq)).live.map(({ name }) => join(folder, name));
  const kept = (await readSegments(join(folder, keptName))).map(({ name }) => join(folder, keptName, name));
  const columns = [...table.columns, ...originColumns];
  const places = artifacts.map(({ seq, ordinal }) => seq * 100_000 + ordinal);
  const place = '_seq * 100000 + _ordinal';
  const rowsOf = (files: readonly string[]) =>
    `SELECT ${selectList(columns)} FROM read_parquet(${literalList(files)}, schema = ${schemaMap(columns)}) WHERE ${place} IN (SELECT unnest([${places.join(', ')}]))`;
  const parts = live.length > 0 ? [rowsOf(live)] : [];
  const others =
    live.length > 0 ? ` AND ${place} NOT IN (SELECT ${place} FROM read_parquet(${literalList(live)}))` : '';
  if (kept.length > 0) parts.push(`SELECT DISTINCT * FROM (${rowsOf(kept)}${others})`);
  return {
    parts,
    sources: [...live.map(path => ({ path, place: placeIn(layout, path) })), ...kept.map(path => ({ path }))],
  };
}

/**
 * Returns the waiting tables with all their later files in `hot/`. After an interrupted backup or a
 * lost folder only some exist, and the table is rebuilt up to the journal's last segment.
 */
export async function waitingTables({ layout, journal }: Bus): Promise<WaitingTables> {
  const behind = await tablesBehind(layout, journal.compactedSeq);
  for (const [table, { after, commits }] of behind) {
    const artifacts = await artifactsOfTable(journal, table, journal.compactedSeq);
    const needed = artifacts.filter(({ seq }) => seq > after).length;
    if ((await tableFilesIn(layout, commits, table)).length < needed) behind.delete(table);
  }
  return behind;
}

const sourcesOf = ({ layout }: Bus, artifacts: readonly JournalRow[]): SourceFile[] =>
  artifacts.map(({ rel_path, sha256, artifact_key }) => ({
    path: join(layout.root, rel_path ?? ''),
    sha256,
    name: artifact_key,
  }));

const unreadable = -1;

/**
 * Returns the rows of a segment; {@link unreadable} for an unreadable file, whose table is then
 * rebuilt.
 */
const rowsOf = (path: string): Promise<number> =>
  readParquetFooter(path).then(
    footer => footer.rows,
    () => unreadable,
  );

import { join } from 'node:path';
import { readParquetFooter } from '@quantbot/infra';
import type { Bus } from '../bus.js';
import { writeSegment } from '../compact.js';
import { listSegments, segmentName } from '../journal/files.js';
import type { JournalRow } from '../journal/row.js';
import { checkSeal } from '../journal/seal.js';
import { originOrder } from '../publish/views.js';
import { literal, literalList, schemaMap, selectList } from '../sql.js';
import type { WorkerProcess } from '../worker/client.js';
import type { SourceFile } from '../worker/protocol.js';
import { noteMode, wasMadeForAnotherMode } from './definition.js';
import { areWithin, artifactsOfTable, canonicalRows } from './journalled.js';
import { newestRows } from './newest-rows.js';
import { type CanonTable, newTable } from './table.js';

/**
 * The tables whose compacted files do not hold as many rows as the journal says: somebody has
 * deleted or exchanged some. They are derived from the store, so {@link rebuildTable} makes them
 * again.
 */
export async function incompleteTables(bus: Bus): Promise<CanonTable[]> {
  const { compactedSeq } = bus.journal;
  const expected = await canonicalRows(bus.journal, compactedSeq);
  const incomplete: CanonTable[] = [];
  for (const table of bus.tables.tables()) {
    const folder = join(bus.layout.canon, table.name);
    const { live } = await listSegments(folder, compactedSeq);
    const counts = await Promise.all(live.map(segment => rowsOf(join(folder, segment.name))));
    const whole =
      table.mode.mode === 'append'
        ? counts.reduce((sum, n) => sum + Math.max(0, n), 0) === (expected.get(table.name) ?? 0)
        : !counts.includes(unreadable) && (await areWithin(bus.journal, table.name, live, compactedSeq));
    if (!whole) incomplete.push(table);
  }
  return incomplete;
}

/**
 * Makes the compacted files of tables again whose mode was changed in the configuration: the older
 * ones may lack rows that count now.
 */
export async function followModes(
  bus: Bus,
  compactor: WorkerProcess,
  onFailure: (error: unknown, table: string) => void,
): Promise<string[]> {
  const followed: string[] = [];
  const toCome = bus.config.canon.tables.filter(({ name }) => bus.tables.get(name) === undefined);
  for (const table of [...bus.tables.tables(), ...toCome.map(declared => newTable(declared.name, declared))]) {
    if (!(await wasMadeForAnotherMode(bus.layout, table))) continue;
    try {
      await rebuildTable(bus, compactor, table);
      await noteMode(bus.layout, table);
      followed.push(table.name);
    } catch (error) {
      onFailure(error, table.name);
    }
  }
  return followed;
}

/**
 * Rebuilds the tables of which compacted files have rotted, from the store.
 *
 * @returns their names.
 * @throws TaskError `FILE_DAMAGED` when a stored file has rotted too; the compacted files stay as
 * they are.
 */
export async function mendTables(bus: Bus, compactor: WorkerProcess): Promise<string[]> {
  const mended: string[] = [];
  for (const table of bus.tables.tables()) {
    const folder = join(bus.layout.canon, table.name);
    const { live } = await listSegments(folder, bus.journal.compactedSeq);
    const states = await Promise.all(live.map(({ name }) => checkSeal(join(folder, name))));
    if (!states.includes('rotten')) continue;
    await rebuildTable(bus, compactor, table);
    mended.push(table.name);
  }
  return mended;
}

/**
 * Writes one segment with all of a table's compacted rows, read from the store. Being the widest,
 * it takes the place of all others: only when each stored file is what the journal says.
 */
export async function rebuildTable(bus: Bus, compactor: WorkerProcess, table: CanonTable): Promise<void> {
  const upTo = bus.journal.compactedSeq;
  const artifacts = await artifactsOfTable(bus.journal, table.name, upTo);
  if (artifacts.length === 0) return;
  const files = artifacts.map(artifact => join(bus.layout.root, artifact.rel_path ?? ''));
  const origins = artifacts.map(
    (a, i) => `(${literal(files[i] as string)}, ${a.seq}, ${a.ordinal}, ${literal(a.artifact_key ?? '')})`,
  );
  const rows = `SELECT ${selectList(table.columns, 'f')}, o.seq AS _seq, o.ordinal AS _ordinal, f.file_row_number AS _row, o.artifact_key AS _artifact_key
FROM read_parquet(${literalList(files)}, schema = ${schemaMap(table.columns)}, filename = true) f
JOIN (VALUES ${origins.join(', ')}) o(path, seq, ordinal, artifact_key) ON f.filename = o.path`;
  const newest = String(artifacts.at(-1)?.seq ?? 0);
  const sql = `SELECT * FROM (${newestRows(table, rows, newest)}) ORDER BY ${originOrder}`;
  await writeSegment(
    bus,
    compactor,
    join(bus.layout.canon, table.name),
    segmentName(1, upTo),
    sql,
    sourcesOf(bus, artifacts),
  );
}

const sourcesOf = ({ layout }: Bus, artifacts: readonly JournalRow[]): SourceFile[] =>
  artifacts.map(({ rel_path, sha256, artifact_key }) => ({
    path: join(layout.root, rel_path ?? ''),
    sha256,
    name: artifact_key,
  }));

const unreadable = -1;

/**
 * The rows of a segment; {@link unreadable} for a file that cannot be read, so that its table is
 * made again.
 */
const rowsOf = (path: string): Promise<number> =>
  readParquetFooter(path).then(
    footer => footer.rows,
    () => unreadable,
  );

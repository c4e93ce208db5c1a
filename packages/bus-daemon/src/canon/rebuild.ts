import { join } from 'node:path';
import { readParquetFooter } from '@quantbot/infra';
import type { Bus } from '../bus.js';
import { writeSegment } from '../compact.js';
import { listSegments, segmentName } from '../journal/files.js';
import { originOrder } from '../publish/views.js';
import { literal, literalList, schemaMap, selectList } from '../sql.js';
import type { WorkerProcess } from '../worker/client.js';
import type { CanonTable } from './table.js';

/**
 * The tables whose compacted files do not hold as many rows as the journal says: somebody has deleted or exchanged some. They are derived from
 * the store, so {@link rebuildTable} makes them again.
 */
export async function incompleteTables(bus: Bus): Promise<CanonTable[]> {
  const expected = await bus.journal.canonicalRows(bus.journal.compactedSeq);
  const incomplete: CanonTable[] = [];
  for (const table of bus.tables.tables()) {
    const folder = join(bus.layout.canon, table.name);
    const { live } = await listSegments(folder, bus.journal.compactedSeq);
    const counts = await Promise.all(live.map(segment => rowsOf(join(folder, segment.name))));
    if (counts.reduce((sum, n) => sum + n, 0) !== (expected.get(table.name) ?? 0)) incomplete.push(table);
  }
  return incomplete;
}

/** Writes one segment with all of a table's compacted rows, read from the store. Being the widest, it takes the place of all others. */
export async function rebuildTable(bus: Bus, compactor: WorkerProcess, table: CanonTable): Promise<void> {
  const upTo = bus.journal.compactedSeq;
  const artifacts = await bus.journal.artifactsOfTable(table.name, upTo);
  if (artifacts.length === 0) return;
  const files = artifacts.map(artifact => join(bus.layout.root, artifact.rel_path ?? ''));
  const origins = artifacts.map(
    (a, i) => `(${literal(files[i] as string)}, ${a.seq}, ${a.ordinal}, ${literal(a.artifact_key ?? '')})`,
  );
  const sql = `SELECT ${selectList(table.columns, 'f')}, o.seq AS _seq, o.ordinal AS _ordinal, f.file_row_number AS _row, o.artifact_key AS _artifact_key
FROM read_parquet(${literalList(files)}, schema = ${schemaMap(table.columns)}, filename = true) f
JOIN (VALUES ${origins.join(', ')}) o(path, seq, ordinal, artifact_key) ON f.filename = o.path
ORDER BY ${originOrder}`;
  await writeSegment(bus, compactor, join(bus.layout.canon, table.name), segmentName(1, upTo), sql);
}

/** The rows of a segment; a file that cannot be read counts as none, so that its table is made again. */
const rowsOf = (path: string): Promise<number> =>
  readParquetFooter(path).then(
    footer => footer.rows,
    () => 0,
  );

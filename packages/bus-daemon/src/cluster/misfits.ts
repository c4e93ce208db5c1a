import { artifactsOfTable, damagedFile, type Queries, type StoredArtifact } from '@quantbot/bus-cluster';
import type { DeclaredColumn } from '@quantbot/bus-format';
import { type CanonTable, fits } from '@quantbot/bus-format/canon';
import { readParquetFooter } from '@quantbot/infra';
import { columnIn, type FileToCompare, firstMisfitIn } from '../writer/misfits.js';
import type { Misfit, SeenKeys } from '../writer/seen-keys.js';
import { Salvage } from './salvage.js';
import { ArtifactsUnread, groupsOf, type ReadingBus, withLocalCopies } from './unread.js';

/**
 * Returns the first artifact of a table whose values a type does not hold. It reads only the
 * journal.
 *
 * @param set the column with its new type.
 * @throws ArtifactsUnread
 */
export async function firstSeenMisfit(
  queries: Queries,
  table: CanonTable,
  set: DeclaredColumn,
  seen: SeenKeys,
): Promise<Misfit | undefined> {
  const [whole, misfits] = [seen.of([set]), seen.misfitsOf([set])];
  const left = await artifactsOfTable(queries, table, artifact => !whole.has(artifact));
  const found = left.find(({ artifact }) => misfits.has(artifact));
  if (found !== undefined) return misfits.get(found.artifact);
  if (left.length === 0) return undefined;
  throw new ArtifactsUnread(async bus => {
    const gone: StoredArtifact[] = [];
    for (const group of groupsOf(left)) {
      const misfit = await firstMisfitOf(bus, group, set, gone);
      if (misfit !== undefined) return void misfits.set(misfit.artifact, misfit);
    }
    const [first] = gone;
    const misfit = first && (await firstMisfitInLake(bus, table, set, gone));
    if (misfit !== undefined) return void misfits.set(first?.artifact ?? '', misfit);
    for (const { artifact } of left) whole.add(artifact);
  });
}

/** @param gone gets the artifacts whose rows only the table has. */
async function firstMisfitOf(
  bus: ReadingBus,
  group: readonly StoredArtifact[],
  set: DeclaredColumn,
  gone: StoredArtifact[],
): Promise<Misfit | undefined> {
  const rows = await bus.postgres.query<{ key: string; schema: string | null }>(
    `SELECT artifact_key AS key, schema_json AS schema FROM bus.journal
     WHERE status = 'ingested' AND artifact_key = ANY($1)`,
    [group.map(({ artifact }) => artifact)],
  );
  const columns = new Map(rows.map(({ key, schema }) => [key, columnIn(schema, set.name)]));
  const compared = group.flatMap(artifact => {
    const column = columns.get(artifact.artifact);
    return column === undefined || fits(column.type, set.type) ? [] : [{ ...artifact, column }];
  });
  return withLocalCopies(bus, compared, async files => {
    const there = new Set(files.map(({ artifact }) => artifact));
    const missing = compared.filter(({ artifact }) => !there.has(artifact));
    gone.push(...missing.filter(({ isForgotten }) => isForgotten));
    const lost = missing.find(({ isForgotten }) => !isForgotten);
    if (lost !== undefined) return { artifact: lost.artifact, found: lost.column.type, unreadable: true };
    return firstMisfitIn(bus, files, set.type);
  });
}

/** Compares rows of forgotten artifacts, which only files of the lake have. */
async function firstMisfitInLake(
  bus: ReadingBus,
  { name }: CanonTable,
  set: DeclaredColumn,
  gone: readonly StoredArtifact[],
): Promise<Misfit | undefined> {
  const salvage = new Salvage(bus);
  try {
    const { paths, damaged } = await salvage.filesOf(
      name,
      gone.map(({ artifact }) => artifact),
    );
    const [first] = damaged;
    if (first !== undefined) throw damagedFile(first, 'its checksum does not match');
    const files = await Promise.all(
      paths.map(async (path): Promise<FileToCompare[]> => {
        const { columns, rows, bytes } = await readParquetFooter(path);
        const column = columns.find(column => column.name === set.name);
        return column === undefined
          ? []
          : [{ artifact: `a forgotten artifact of canon.${name}`, path, rows, bytes, column }];
      }),
    );
    return await firstMisfitIn(bus, files.flat(), set.type);
  } finally {
    salvage.close();
  }
}

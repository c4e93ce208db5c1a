import { type JournalledTableOperation, modes, shownName, type TableRegistry } from '@quantbot/bus-format/canon';
import { identifier } from '@quantbot/bus-format/sql';
import type { OpenLake } from '@quantbot/storage/lake';
import { startsEmpty } from '../table-operations.js';
import { hasTable } from './erase.js';
import { createTable, filesOf, lakeColumns, viewsOf } from './tables.js';

/**
 * Brings the lake from the tables before an operation to those after it, within a transaction. The
 * files of a dropped table leave the lake. A restored or retyped table starts empty: fragments
 * bring all of its rows. For a rename or another mode, only views change.
 */
export async function followOperation(
  lake: Pick<OpenLake, 'connection'>,
  { type, table: name }: JournalledTableOperation,
  { before, after, hasForgotten }: { before: TableRegistry; after: TableRegistry; hasForgotten: boolean },
): Promise<void> {
  const { connection } = lake;
  const [was, is] = [before.get(name), after.get(name)];
  if (was !== undefined && (is === undefined || shownName(is) !== shownName(was)))
    for (const schema of ['canon', '_rows'])
      await connection.run(`DROP VIEW IF EXISTS ${schema}.${identifier(shownName(was))}`);
  if (type === 'table_drop' || startsEmpty(type)) {
    await connection.run(`DROP TABLE IF EXISTS ${filesOf(name)}`);
    if (is !== undefined) await connection.run(createTable(name, lakeColumns(is)));
  }
  for (const table of after.tables()) {
    // These views name the hints that lead to their table.
    const mayHaveChanged = table.name === name || (type === 'table_rename' && modes[table.mode].onlyNewestJob);
    // A declared table has no files before its first artifact.
    if (!mayHaveChanged || !(await hasTable(lake, table.name))) continue;
    for (const view of viewsOf(table, { names: after.names, hasForgotten })) await connection.run(view);
  }
}

import { type FoundTable, type JournalledTableOperation, setModes, setTypes } from '../journal/table-operations.js';
import { modeNamed } from './modes.js';
import type { CanonTable, TableStart } from './table.js';

/**
 * Returns where each table starts that operations have changed, by name, and the mode and the types
 * that they set.
 */
export function tableStarts(operations: readonly JournalledTableOperation[]): Map<string, TableStart> {
  const modes = setModes(operations);
  const setColumns = setTypes(operations);
  const drops = new Map<string, number>();
  const starts = new Map<string, TableStart>();
  for (const { type, table, seq, generation } of operations) {
    if (type === 'table_rename') continue; // the files stay
    if (type === 'table_drop') drops.set(table, seq);
    if (type === 'table_restore') drops.delete(table);
    const after = drops.get(table);
    const types = setColumns.get(table) ?? [];
    starts.set(table, {
      ...(after !== undefined && { after }),
      generation,
      ...modes.get(table),
      ...(types.length > 0 && { types }),
    });
  }
  return starts;
}

/** Returns the operations that have set types of the tables as they are now, oldest first. */
export function retypesAmong(operations: readonly JournalledTableOperation[]): JournalledTableOperation[] {
  const starts = tableStarts(operations);
  return operations.filter(({ type, table, seq }) => type === 'table_retype' && seq > (starts.get(table)?.after ?? 0));
}

/**
 * Returns whether the compacted files of a table may lack rows that it shows after an operation. No
 * reader may see it then until they have followed.
 */
export const lacksRowsAfter = ({ type, before }: Pick<JournalledTableOperation, 'type' | 'before'>): boolean =>
  type !== 'table_rename' && (type !== 'table_set_mode' || modeNamed(before?.mode ?? '')?.showsEveryRow !== true);

/** Returns a table as an operation on it finds it. */
export const foundTable = ({ mode, key, orderBy, columns, after = 0 }: CanonTable): FoundTable => ({
  mode,
  key,
  orderBy,
  columns,
  after,
});

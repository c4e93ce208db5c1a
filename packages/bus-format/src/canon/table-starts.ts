import type { FoundTable, JournalledTableOperation } from '../journal/table-operations.js';
import type { CanonTable, TableStart } from './table.js';

/** Returns where each table starts that operations have changed, by name. */
export function tableStarts(operations: readonly JournalledTableOperation[]): Map<string, TableStart> {
  const starts = new Map<string, TableStart>();
  for (const { type, table, seq, generation } of operations)
    starts.set(table, type === 'table_drop' ? { after: seq, generation } : { generation });
  return starts;
}

/** Returns a table as an operation on it finds it. */
export const foundTable = ({ mode, key, orderBy, columns, after = 0 }: CanonTable): FoundTable => ({
  mode,
  key,
  orderBy,
  columns,
  after,
});

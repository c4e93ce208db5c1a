import {
  isOperationOnTable,
  type JournalledTableOperation,
  tableOperationOf,
  tableOperationTypes,
} from '@quantbot/bus-format/canon';
import type { JournalRow } from '@quantbot/bus-format/journal';
import type { Queries } from './postgres/postgres.js';

/** The condition for the row of an operation on a canonical table. */
export const isTableOperation = `op_json IS NOT NULL AND status = 'done' AND CAST(op_json AS json)->>'type' IN (${tableOperationTypes.map(type => `'${type}'`).join(', ')})`;

/** Returns the operations on canonical tables with `after < seq <= upTo`, oldest first. */
export async function tableOperationsBetween(
  queries: Queries,
  after: number,
  upTo: number,
): Promise<JournalledTableOperation[]> {
  const rows = await queries.query<{ seq: number; op_json: string }>(
    `SELECT seq, op_json FROM bus.journal WHERE ${isTableOperation} AND seq > $1 AND seq <= $2 ORDER BY seq`,
    [after, upTo],
  );
  return rows.map(tableOperationOf);
}

/** Whether a row of the journal is one of {@link tableOperationsBetween}. */
export const changesTable = ({ status, op_json }: Pick<JournalRow, 'status' | 'op_json'>): boolean =>
  status === 'done' && op_json !== null && isOperationOnTable(op_json);

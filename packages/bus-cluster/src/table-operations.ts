import {
  isOperationOnTable,
  type JournalledTableOperation,
  namesGivenBy,
  type TableNames,
  type TableStart,
  tableOperationOf,
  tableOperationTypes,
  tableStarts,
} from '@quantbot/bus-format/canon';
import type { JournalRow } from '@quantbot/bus-format/journal';
import { literal } from '@quantbot/bus-format/sql';
import type { Queries } from './postgres/postgres.js';

const types = tableOperationTypes.map(literal).join(', ');

/** The condition for the row of an operation on a canonical table. */
export const isTableOperation = `op_json IS NOT NULL AND status = 'done' AND CAST(op_json AS json)->>'type' IN (${types})`;

/**
 * Returns the operations on canonical tables with `after < seq <= upTo`, oldest first. It reads
 * nothing if there are none after `after`.
 */
export async function tableOperationsBetween(
  queries: Queries,
  after: number,
  upTo: number,
): Promise<JournalledTableOperation[]> {
  const rows = await queries.query<{ seq: number; op_json: string }>(
    `SELECT seq, op_json FROM bus.journal
     WHERE ${isTableOperation} AND seq > $1 AND seq <= least($2, (SELECT turn FROM bus.head)) ORDER BY seq`,
    [after, upTo],
  );
  return rows.map(tableOperationOf);
}

/** Whether a row of the journal is one of {@link tableOperationsBetween}. */
export const changesTable = ({ status, op_json }: Pick<JournalRow, 'status' | 'op_json'>): boolean =>
  status === 'done' && op_json !== null && isOperationOnTable(op_json);

/** Whether a table starts without files at an operation, and fragments bring all of its rows. */
export const startsEmpty = (type: JournalledTableOperation['type']): boolean =>
  type === 'table_restore' || type === 'table_retype';

/** What operations up to a job have made of canonical tables. */
export class OperatedTables {
  readonly operations: readonly JournalledTableOperation[];
  readonly starts: Map<string, TableStart>;
  readonly names: TableNames;

  constructor(operations: readonly JournalledTableOperation[]) {
    this.operations = operations;
    this.starts = tableStarts(operations);
    this.names = namesGivenBy(operations);
  }

  /**
   * Returns the table that has the rows of an artifact, by first name. Returns undefined for a hint
   * that is recorded only, and if the table was dropped since.
   */
  tableOf(hint: string | null, seq: number): string | undefined {
    const table = this.names.tableOf(hint, seq);
    return table !== undefined && seq > this.#startOf(table) ? table : undefined;
  }

  /** Returns SQL for {@link tableOf} of rows with a canonical hint; NULL for a dropped table. */
  tableSql(hint: string, seq: string): string {
    const table = this.names.tableSql(hint, seq);
    const dropped = [...this.starts].filter(([, { after }]) => after !== undefined);
    const cases = dropped.map(
      ([name, { after }]) => ` WHEN ${table} = ${literal(name)} AND ${seq} <= ${after} THEN NULL`,
    );
    return cases.length === 0 ? table : `CASE${cases.join('')} ELSE ${table} END`;
  }

  #startOf(table: string): number {
    return this.starts.get(table)?.after ?? 0;
  }
}

/** Reads what operations up to a job have made of canonical tables; by default, all of them. */
export const operatedTables = async (queries: Queries, upTo = Number.MAX_SAFE_INTEGER): Promise<OperatedTables> =>
  new OperatedTables(await tableOperationsBetween(queries, 0, upTo));

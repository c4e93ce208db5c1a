import type { TableMode } from '@quantbot/infra/config';
import { TableNames } from './table-names.js';

/** The types of operations on a canonical table. */
export const tableOperationTypes = [
  'table_drop',
  'table_restore',
  'table_set_mode',
  'table_rename',
  'table_retype',
] as const;

const types = `(${tableOperationTypes.map(type => `'${type}'`).join(', ')})`;

/** SQL for the table of an operation, by its first name. */
const tableOfOperation = `coalesce(op_json->>'$.of', op_json->>'$.table')`;

/** The SQL condition for the row of an operation on a canonical table. */
export const isTableOperation = `(status = 'done' AND (op_json->>'$.type') IN ${types})`;

/**
 * Returns the SELECT of the tables that are dropped: each with the job that dropped it last.
 * Artifacts up to that job are of no table. A later `table_restore` brings all of them back.
 */
export const droppedQuery = (journal: string): string =>
  `SELECT ${tableOfOperation} AS table_name, max(seq) FILTER ((op_json->>'$.type') = 'table_drop') AS seq FROM ${journal} WHERE ${isTableOperation}
GROUP BY table_name HAVING arg_max(op_json->>'$.type', seq) FILTER (WHERE (op_json->>'$.type') IN ('table_drop', 'table_restore')) = 'table_drop'`;

/** A column of a canonical table, as an operation found it. */
interface FoundColumn {
  name: string;
  type: string;
  fixedBy: string;
  required: boolean;
  unnamed?: boolean;
}

/** A canonical table as an operation found it. */
export interface FoundTable {
  mode: string;
  key: readonly string[];
  orderBy: readonly string[];
  columns: readonly FoundColumn[];
  /** Artifacts up to this job were not in it. */
  after: number;
}

/** An operation on a canonical table in the journal. */
export interface JournalledTableOperation {
  seq: number;
  type: (typeof tableOperationTypes)[number];
  /** The table, by its first name. */
  table: string;
  /** The table until then; null if there was none. */
  before: FoundTable | null;
  /** The generation of its files from then on. No earlier file has it. */
  generation: number;
  /** What a `table_set_mode` sets. */
  mode?: TableMode;
  key?: readonly string[];
  order_by?: readonly string[];
  /** The name that a `table_rename` gives. */
  to?: string;
  /** The column of a `table_retype`, and the type that it gets. */
  column?: string;
  column_type?: string;
}

/** A column whose type an operation has set. */
export interface RetypedColumn {
  name: string;
  type: string;
  /** The types that it had before. Files of these types are still taken if their values fit. */
  was: readonly string[];
}

/** The mode of a canonical table, with its key. */
export interface SetMode {
  mode: TableMode;
  /** The columns that identify a row. Empty for a mode without a key. */
  key: readonly string[];
  /** The columns that decide which row of a key is the newest. */
  orderBy: readonly string[];
}

/**
 * Returns the modes that operations have set and that hold now, by table name. A dropped table
 * leaves its mode behind, and a restored one has it again.
 */
export function setModes(operations: readonly JournalledTableOperation[]): Map<string, SetMode> {
  const last = new Map<string, SetMode>();
  const now = new Map<string, SetMode>();
  for (const { type, table, mode, key = [], order_by: orderBy = [] } of operations) {
    if (type === 'table_drop') now.delete(table);
    const restored = type === 'table_restore' ? last.get(table) : undefined;
    const set = mode === undefined ? restored : { mode, key, orderBy };
    if (set !== undefined) for (const modes of [last, now]) modes.set(table, set);
  }
  return now;
}

/**
 * Returns the columns whose type operations have set and that have it now, by table name. As for
 * modes, a dropped table leaves them behind, and a restored one has them again.
 */
export function setTypes(operations: readonly JournalledTableOperation[]): Map<string, readonly RetypedColumn[]> {
  const ever = new Map<string, readonly RetypedColumn[]>();
  const now = new Map<string, readonly RetypedColumn[]>();
  for (const operation of operations) {
    const { type, table } = operation;
    if (type === 'table_drop') now.delete(table);
    if (type === 'table_restore') now.set(table, ever.get(table) ?? []);
    if (type !== 'table_retype') continue;
    for (const types of [ever, now]) types.set(table, withType(types.get(table) ?? [], operation));
  }
  return now;
}

function withType(
  columns: readonly RetypedColumn[],
  { column: name = '', column_type: type = '', before }: JournalledTableOperation,
): RetypedColumn[] {
  const earlier = columns.find(column => column.name === name)?.was ?? [];
  const found = before?.columns.find(column => column.name === name)?.type;
  const was = [...new Set([...earlier, ...(found === undefined ? [] : [found])])];
  return [...columns.filter(column => column.name !== name), { name, type, was }];
}

/** The SELECT of all operations on canonical tables, oldest first. */
export const tableOperationsQuery = (journal: string): string =>
  `SELECT seq, op_json FROM ${journal} WHERE ${isTableOperation} ORDER BY seq`;

/** Returns an operation from its row. */
export const tableOperationOf = ({
  seq,
  op_json,
}: {
  seq: bigint | number;
  op_json: string;
}): JournalledTableOperation => {
  const { of, ...op } = JSON.parse(op_json) as JournalledTableOperation & { of?: string };
  return { ...op, table: of ?? op.table, seq: Number(seq) };
};

/** Returns the names that operations have given, of which some may be no renames. */
export const namesGivenBy = (operations: readonly JournalledTableOperation[]): TableNames =>
  operations.reduce(
    (names, { seq, table, to: name }) => (name === undefined ? names : names.with({ seq, table, name })),
    TableNames.none,
  );

/** Whether an operation, as a row of the journal has it, is one on a canonical table. */
export const isOperationOnTable = (op_json: string): boolean =>
  tableOperationTypes.includes((JSON.parse(op_json) as JournalledTableOperation).type);

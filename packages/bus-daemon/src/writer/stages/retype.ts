import { type CanonTable, canBeSet, foundTable, lacksRowsAfter, shownName } from '@quantbot/bus-format/canon';
import type { TableOperation } from '@quantbot/infra';
import { busError } from '@quantbot/infra/bus';
import type { TableFacts } from '../bus.js';
import type { TableChange } from '../job.js';
import type { Misfit } from '../seen-keys.js';
import { type Deciding, existing, mustBeUndeclared, replayed, startAfter } from './table-decision.js';

/**
 * Decides about another type of a column: each value so far must be exact in it.
 *
 * @throws BusError `OPERATION_INVALID`.
 */
export async function decideRetype(
  { config, tables }: Deciding,
  facts: TableFacts,
  op: Extract<TableOperation, { type: 'table_retype' }>,
): Promise<TableChange> {
  mustBeUndeclared(config, op.table);
  const there = existing(tables, op.table);
  const table = there.name;
  const column = there.columns.find(({ name }) => name === op.column);
  if (column === undefined) throw busError('OPERATION_INVALID', `canon.${op.table} has no column ${op.column}.`);
  if (!canBeSet(op.column_type))
    throw busError('OPERATION_INVALID', `No column can be given the type ${op.column_type}.`, {
      hint: 'Choose BIGINT, UBIGINT, DOUBLE, DECIMAL(digits,scale), VARCHAR, BOOLEAN, DATE, TIME, TIMESTAMP, TIMESTAMP WITH TIME ZONE or UUID.',
    });
  if (column.type === op.column_type)
    throw busError('OPERATION_INVALID', `${op.column} of canon.${op.table} has the type ${column.type} already.`);
  await mustHold(facts, there, { ...column, type: op.column_type });
  const before = foundTable(there);
  const start = await startAfter(facts, { ...op, table }, there.generation + 1, before);
  const next = await replayed(facts, table, start, `The artifacts of canon.${op.table} do not fit this type.`);
  return { table, before, start, next, isHeld: lacksRowsAfter({ type: op.type, before }), erased: [] };
}

/** Compares the values of all files of a table with the type that a column gets. */
export async function mustHold(
  facts: TableFacts,
  table: CanonTable,
  set: { name: string; type: string },
): Promise<void> {
  const found = await facts.misfit(table, set);
  if (found === undefined) return;
  const { artifact, value, unreadable } = found;
  const detail =
    value === undefined
      ? `${set.name}: ${found.found} in ${artifact}${unreadable ? ', whose file cannot be read' : ''}`
      : `${set.name}: ${value} in ${artifact}`;
  throw busError(
    'OPERATION_INVALID',
    `${set.name} of canon.${shownName(table)} cannot become ${set.type}: ${artifact} ${whyNot(found, set.type)}.`,
    {
      details: [detail],
      hint: unreadable
        ? 'Run `quantbot-bus verify` to see what is wrong with the file.'
        : 'Choose a type that holds every value, or erase the artifact: `quantbot-bus forget KEY --rows drop --apply`.',
    },
  );
}

const whyNot = ({ found, value, unreadable }: Misfit, type: string): string => {
  if (unreadable) return 'cannot be read';
  return value === undefined
    ? `has the type ${found}, which is never read as ${type}`
    : `has a value that is no ${type}`;
};

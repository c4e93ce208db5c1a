import {
  type CanonTable,
  keyProblems,
  type TableRegistry,
  type TableStart,
  tableStarts,
} from '@quantbot/bus-format/canon';
import { BusError, type TableOperation } from '@quantbot/infra';
import { busError } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import type { DecidingBus, TableFacts } from '../bus.js';
import type { TableChange } from '../job.js';

/** What the decisions about operations on canonical tables share. */

/** The state that a decision about a table needs. */
export type Deciding = Pick<DecidingBus, 'config' | 'tables'>;

/** The configuration may not declare a table that an operation changes. */
export function mustBeUndeclared({ canon }: Pick<BusConfig, 'canon'>, table: string): void {
  if (canon.tables.some(({ name }) => name === table))
    throw busError(
      'OPERATION_INVALID',
      `The configuration declares canon.${table}. Remove canon.tables.${table} from it and restart the daemon first.`,
    );
}

/** Returns the table that has a name today. */
export function existing(tables: TableRegistry, name: string): CanonTable {
  const there = tables.get(firstNameOf(tables, name));
  if (there === undefined) throw busError('OPERATION_INVALID', `There is no table canon.${name}.`);
  return there;
}

/** Returns the first name of a table, which may not exist. */
export function firstNameOf(tables: TableRegistry, name: string): string {
  const first = tables.firstNameOf(name);
  if (first !== undefined) return first;
  const now = tables.nameOf(tables.tableOf(`canon.${name}`) ?? name);
  throw busError('OPERATION_INVALID', `There is no table canon.${name}: it was renamed to canon.${now}.`);
}

/** Returns where a table starts after an operation, as the next start of the daemon finds it. */
export async function startAfter(
  facts: TableFacts,
  op: TableOperation,
  generation: number,
  before: TableChange['before'] = null,
): Promise<TableStart> {
  const operations = await facts.operations();
  const last = { ...op, seq: Number.MAX_SAFE_INTEGER, before, generation };
  return tableStarts([...operations, last]).get(op.table) ?? { generation };
}

/** Replays a table with another start, and looks for NULL in its key. */
export async function replayed(
  facts: TableFacts,
  table: string,
  start: TableStart,
  misfit: string,
): Promise<TableRegistry> {
  const next = await facts.replay(table, start).catch(error => {
    if (!(error instanceof BusError)) throw error;
    throw busError('OPERATION_INVALID', misfit, { details: error.details, cause: error });
  });
  const there = next.get(table);
  const details = there === undefined ? [] : keyProblems(there);
  if (details.length > 0) throw busError('OPERATION_INVALID', misfit, { details });
  const found = there && (await facts.withoutKey(there));
  if (found === undefined) return next;
  throw busError('OPERATION_INVALID', `The key of canon.${next.nameOf(table)} does not fit ${found.artifact}.`, {
    details: found.nulls,
    hint: 'Choose columns that are never NULL, or erase the artifact: `quantbot-bus forget KEY --rows drop --apply`.',
  });
}

import { canonicalSchemas, canonTableOf, forgottenRowsOf, foundTable, TableRegistry } from '@quantbot/bus-format/canon';
import type { Journal } from '@quantbot/bus-format/journal';
import { BusError, busError, type TableOperation } from '@quantbot/infra';
import type { BusConfig } from '@quantbot/infra/config';
import type { Bus, DecidingBus, TableFacts } from '../bus.js';
import type { CheckedJob, TableChange } from '../job.js';

/** Returns the operation on a canonical table that a job asks for, or undefined. */
export function tableOperationIn({ manifest }: Pick<CheckedJob, 'manifest'>): TableOperation | undefined {
  const op = manifest?.op;
  return op !== undefined && 'table' in op ? op : undefined;
}

/** Returns the facts of a journal. */
export const tableFactsOf = (journal: Journal, { canon }: Pick<BusConfig, 'canon'>): TableFacts => ({
  replay: async (table, start) => {
    const all = await canonicalSchemas(journal, '_bus.journal');
    const own = all.filter(({ schemaHint }) => canonTableOf(schemaHint) === table);
    return TableRegistry.replay(own, canon.tables, new Map([[table, start]]));
  },
  forgotten: table => forgottenRowsOf(journal, table),
});

/**
 * Decides what an operation on a canonical table does. The job must be alone in its batch.
 *
 * @throws BusError `OPERATION_INVALID`.
 */
export async function decideTable(bus: DecidingBus, op: TableOperation): Promise<TableChange> {
  if (bus.tableFacts === undefined)
    throw busError('OPERATION_INVALID', 'A bus on many machines cannot change its tables by operations yet.');
  return op.type === 'table_drop' ? decideDrop(bus, bus.tableFacts, op) : decideRestore(bus, bus.tableFacts, op);
}

async function decideDrop({ config, tables }: DecidingBus, facts: TableFacts, op: TableOperation) {
  const { table } = op;
  if (config.canon.tables.some(({ name }) => name === table))
    throw busError(
      'OPERATION_INVALID',
      `The configuration declares canon.${table}. Remove canon.tables.${table} from it and restart the daemon first.`,
    );
  const there = tables.get(table);
  if (there === undefined) throw busError('OPERATION_INVALID', `There is no table canon.${table}.`);
  const start = { generation: there.generation + 1 };
  return { table, before: foundTable(there), start, next: undefined, erased: await facts.forgotten(table) };
}

async function decideRestore({ tables }: DecidingBus, facts: TableFacts, op: TableOperation): Promise<TableChange> {
  const { table } = op;
  const dropped = tables.startOf(table);
  if (dropped?.after === undefined)
    throw busError('OPERATION_INVALID', `canon.${table} was not dropped, or it was restored since.`);
  const there = tables.get(table);
  const start = { generation: (there ?? dropped).generation + 1 };
  const next = await facts.replay(table, start).catch(error => {
    if (!(error instanceof BusError)) throw error;
    throw busError('OPERATION_INVALID', `The artifacts of canon.${table} before and after the drop do not fit.`, {
      details: error.details,
      cause: error,
    });
  });
  return { table, before: there === undefined ? null : foundTable(there), start, next, erased: [] };
}

/** Takes over what a committed operation decided. Its table is held until its files follow. */
export function takeOver(bus: Pick<Bus, 'journal' | 'tables'>, { table, start, next }: TableChange, seq: number): void {
  bus.journal.noteTurn(seq);
  bus.tables.replace(table, next === undefined ? { ...start, after: seq } : start, next);
  bus.tables.hold(table);
}

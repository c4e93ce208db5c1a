import { isDeepStrictEqual } from 'node:util';
import {
  canonicalSchemas,
  forgottenRowsOf,
  foundTable,
  lacksRowsAfter,
  modes,
  TableRegistry,
} from '@quantbot/bus-format/canon';
import type { JournalRow } from '@quantbot/bus-format/journal';
import type { WorkerProcess } from '@quantbot/duckdb-process';
import { BusError, type TableOperation } from '@quantbot/infra';
import { busError } from '@quantbot/infra/bus';
import { firstTwice, tableModes } from '@quantbot/infra/config';
import type { Bus, DecidingBus, TableFacts } from '../bus.js';
import { type CheckedJob, isRejected, type TableChange } from '../job.js';
import { firstMisfit } from '../misfits.js';
import { firstWithoutKey, type KeyCheck } from '../null-keys.js';
import { SeenKeys } from '../seen-keys.js';
import { decideRetype, mustHold } from './retype.js';
import { type Deciding, existing, firstNameOf, mustBeUndeclared, replayed, startAfter } from './table-decision.js';

/** Returns the operation on a canonical table that a job asks for, or undefined. */
export function tableOperationIn({ manifest }: Pick<CheckedJob, 'manifest'>): TableOperation | undefined {
  const op = manifest?.op;
  return op !== undefined && 'table' in op ? op : undefined;
}

/** Returns the facts of a journal. A table without a drop has all artifacts of its hint. */
export const tableFactsOf = (bus: KeyCheck & Partial<Pick<Bus, 'events'>>): TableFacts => ({
  operations: () => bus.journal.tableOperations(),
  replay: async (table, start) => {
    const from = start.after === undefined ? '_bus.journal' : bus.journal.placed;
    const all = await canonicalSchemas(bus.journal, from);
    const { names } = bus.journal;
    const own = all.filter(({ schemaHint, seq }) => names.tableOf(schemaHint, seq) === table);
    return TableRegistry.replay(own, bus.config.canon.tables, { starts: new Map([[table, start]]), names });
  },
  withoutKey: (table, seen) =>
    firstWithoutKey(bus, table, {
      seen,
      from: table.after === undefined ? bus.journal.unerased : bus.journal.shown,
      onFiles: () => bus.events?.emit('moved', { stage: 'decide' }),
    }),
  misfit: (table, set, seen) =>
    firstMisfit(bus, table, set, {
      ...(seen && { seen }),
      from: table.after === undefined ? bus.journal.unerased : bus.journal.shown,
      onFiles: () => bus.events?.emit('moved', { stage: 'decide' }),
    }),
  forgotten: table => forgottenRowsOf(bus.journal, table),
});

/**
 * Decides what an operation on a canonical table does. The job must be alone in its batch.
 *
 * @param seen artifacts of the table that need not be read for its key.
 * @throws BusError `OPERATION_INVALID`.
 */
export async function decideTable(
  bus: Deciding & Pick<DecidingBus, 'tableFacts'>,
  op: TableOperation,
  seen?: SeenKeys,
): Promise<TableChange> {
  const { tableFacts } = bus;
  if (op.type === 'table_rename') return decideRename(bus, op);
  if (op.type === 'table_drop') return decideDrop(bus, tableFacts, op);
  const facts: TableFacts = {
    ...tableFacts,
    withoutKey: table => tableFacts.withoutKey(table, seen),
    misfit: (table, set) => tableFacts.misfit(table, set, seen),
  };
  if (op.type === 'table_restore') return decideRestore(bus, facts, op);
  return op.type === 'table_retype' ? decideRetype(bus, facts, op) : decideSetMode(bus, facts, op);
}

/** Whether an operation reads the files of a table: its key, or the values of a column. */
const readsFiles = (op: TableOperation): boolean =>
  ['table_restore', 'table_retype'].includes(op.type) || (op.type === 'table_set_mode' && op.key.length > 0);

/**
 * Returns a function that reads the files of the table to which a job gives a key or a type, beside
 * ingestion. The commit then reads only files that came later. It decides again, so a refusal does
 * not matter here.
 */
export const lookAhead = ({ config, layout, journal, tables }: Omit<KeyCheck, 'inspector'> & Pick<Bus, 'tables'>) =>
  lookAheadBy(async inspector => ({
    config,
    tables,
    tableFacts: tableFactsOf({ config, layout, journal, inspector }),
  }));

/** {@link lookAhead} of any kind of bus. */
export const lookAheadBy =
  (decidingWith: (inspector: WorkerProcess) => Promise<Deciding & Pick<DecidingBus, 'tableFacts'>>) =>
  async (job: CheckedJob, inspector: WorkerProcess): Promise<CheckedJob> => {
    const op = isRejected(job) ? undefined : tableOperationIn(job);
    if (op === undefined || !readsFiles(op)) return job;
    const seenKeys = new SeenKeys();
    try {
      await decideTable(await decidingWith(inspector), op, seenKeys);
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
    }
    return { ...job, seenKeys };
  };

async function decideDrop({ config, tables }: Deciding, facts: TableFacts, op: TableOperation): Promise<TableChange> {
  mustBeUndeclared(config, op.table);
  const there = existing(tables, op.table);
  const table = there.name;
  const start = { generation: there.generation + 1 };
  const erased = await facts.forgotten(table);
  return { table, before: foundTable(there), start, next: undefined, isHeld: true, erased };
}

async function decideRestore({ tables }: Deciding, facts: TableFacts, op: TableOperation): Promise<TableChange> {
  const table = firstNameOf(tables, op.table);
  const dropped = tables.startOf(table);
  if (dropped?.after === undefined)
    throw busError('OPERATION_INVALID', `canon.${op.table} was not dropped, or it was restored since.`);
  const there = tables.get(table);
  const start = await startAfter(facts, { ...op, table }, (there ?? dropped).generation + 1);
  const misfit = `The artifacts of canon.${op.table} before and after the drop do not fit.`;
  const next = await replayed(facts, table, start, misfit);
  const restored = next.get(table);
  for (const set of start.types ?? []) if (restored !== undefined) await mustHold(facts, restored, set);
  const before = there === undefined ? null : foundTable(there);
  return { table, before, start, next, isHeld: true, erased: await leavingRows(facts, table, next) };
}

async function decideSetMode(
  { config, tables }: Deciding,
  facts: TableFacts,
  op: Extract<TableOperation, { type: 'table_set_mode' }>,
): Promise<TableChange> {
  const { type, mode, key, order_by: orderBy } = op;
  mustBeUndeclared(config, op.table);
  const there = existing(tables, op.table);
  const table = there.name;
  const { isKeyed } = tableModes[mode];
  if (isKeyed !== key.length > 0 || (!isKeyed && orderBy.length > 0))
    throw busError('OPERATION_INVALID', `The mode ${mode} ${isKeyed ? 'needs a key' : 'has no key and no order'}.`, {
      ...(isKeyed && { hint: `Name its columns: \`quantbot-bus table set-mode ${op.table} ${mode} --key COLUMN\`.` }),
    });
  for (const [part, columns] of Object.entries({ key, order: orderBy })) {
    const twice = firstTwice(columns);
    if (twice !== undefined)
      throw busError('OPERATION_INVALID', `The ${part} of canon.${op.table} names the column ${twice} twice.`);
  }
  if (isDeepStrictEqual({ mode, key, orderBy }, { mode: there.mode, key: there.key, orderBy: there.orderBy }))
    throw busError('OPERATION_INVALID', `canon.${op.table} has this mode and this key already.`);
  const start = await startAfter(facts, { ...op, table }, there.generation + 1);
  const next = await replayed(facts, table, start, `The artifacts of canon.${op.table} do not fit this mode and key.`);
  const before = foundTable(there);
  const erased = await leavingRows(facts, table, next);
  return { table, before, start, next, isHeld: lacksRowsAfter({ type, before }), erased };
}

/**
 * Returns the forgotten artifacts whose rows leave a table with its mode. Only the compacted files
 * have these rows, and a mode that hides some would lose them.
 */
async function leavingRows(facts: TableFacts, table: string, next: TableRegistry): Promise<JournalRow[]> {
  const there = next.get(table);
  return there === undefined || modes[there.mode].onlyGrows ? [] : facts.forgotten(table);
}

/**
 * Decides about a rename, which changes no file and no row: readers find the same table under
 * another name.
 *
 * @throws BusError `OPERATION_INVALID`.
 */
export function decideRename(
  { config, tables }: Deciding,
  op: Extract<TableOperation, { type: 'table_rename' }>,
): TableChange {
  const { table: from, to } = op;
  mustBeUndeclared(config, from);
  const there = existing(tables, from);
  mustBeFree({ config, tables }, to);
  if (config.export.tables[from] !== undefined && config.export.tables[to] === undefined)
    throw busError(
      'OPERATION_INVALID',
      `The configuration names the export of canon.${from} in export.tables. Copy export.tables.${from} to export.tables.${to} and restart the daemon first.`,
    );
  const { name: table, generation } = there;
  return { table, to, before: foundTable(there), start: { generation }, next: undefined, isHeld: false, erased: [] };
}

/** A name is free if no table has it, has had it until a drop, or is declared by it. */
function mustBeFree({ config, tables }: Deciding, name: string): void {
  const refuse = (why: string) => busError('OPERATION_INVALID', `canon.${name} ${why}`);
  if (config.canon.tables.some(declared => declared.name === name))
    throw refuse('is declared by the configuration. Choose another name, or remove canon.tables from it first.');
  if (tables.named(name) !== undefined) throw refuse('exists already. Choose another name.');
  const first = tables.firstNameOf(name);
  if (first !== undefined && tables.startOf(first)?.after !== undefined)
    throw refuse('was dropped, and can be restored. Choose another name.');
}

/**
 * Takes over what a committed operation decided. Its table is held until its files follow, if they
 * lack rows.
 */
export function takeOver(
  bus: Pick<Bus, 'journal' | 'tables'>,
  { table, to, start, next, isHeld }: TableChange,
  seq: number,
): void {
  bus.journal.noteTurn(seq);
  if (to !== undefined) {
    bus.journal.names = bus.journal.names.with({ seq, name: to, table });
    bus.tables.rename(bus.journal.names);
    return;
  }
  bus.tables.replace(table, next === undefined ? { ...start, after: seq } : start, next);
  if (isHeld) bus.tables.hold(table);
}

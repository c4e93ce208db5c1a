import { busError } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import type { CanonTable } from './table.js';
import { fieldsIn } from './types.js';

const hourMs = 3_600_000;

/** The producer of adoptions. Adopting an old database is one job. */
export const adoptProducer = 'adopt';

/** A change that a job makes to a canonical table. */
export interface TableChange {
  /** Undefined for a new table without a declaration. */
  before: (Pick<CanonTable, 'columns'> & Partial<Pick<CanonTable, 'generation'>>) | undefined;
  after: Pick<CanonTable, 'name' | 'columns' | 'generation'>;
}

/**
 * Limits the tables and columns that one producer adds: each of them slows down every later
 * publication and start. New tables are remembered in memory for an hour.
 */
export class TableLimits {
  /** The producer and time of each new table. A job that is decided again finds its own tables. */
  readonly #made = new Map<string, { producer: string; atMs: number }>();

  /**
   * Checks the changes of a job and remembers its new tables.
   *
   * @param nowMs of the process's own clock.
   * @throws BusError `TOO_LARGE`.
   */
  apply(config: BusConfig, { producer, nowMs }: { producer: string; nowMs: number }, changes: readonly TableChange[]) {
    for (const change of changes) checkColumns(config, change);
    const names = changes.filter(({ before }) => before === undefined).map(({ after }) => after.name);
    if (names.length === 0) return;
    for (const [name, { atMs }] of this.#made) if (nowMs - atMs >= hourMs) this.#made.delete(name);
    const others = [...this.#made].filter(([name, made]) => made.producer === producer && !names.includes(name)).length;
    const { maxNewTablesPerHour } = config.canon;
    if (others + names.length > maxNewTablesPerHour)
      throw busError(
        'TOO_LARGE',
        `${producer} would have created ${others + names.length} canonical tables within an hour, ${names.length} of them with this job; canon.max_new_tables_per_hour is ${maxNewTablesPerHour}. Tables that canon.tables declares do not count.`,
      );
    for (const name of names) this.#made.set(name, { producer, atMs: nowMs });
  }
}

function checkColumns({ limits }: BusConfig, { before, after }: TableChange): void {
  for (const { name, type } of after.columns) {
    const there = before?.columns.find(column => column.name === name)?.type ?? type;
    if (there === type || fieldsIn(type) <= Math.max(fieldsIn(there), limits.maxTableColumns)) continue;
    throw busError(
      'TOO_LARGE',
      `${name} of canon.${after.name} would have ${fieldsIn(type)} fields, ${fieldsIn(type) - fieldsIn(there)} of them new; limits.max_table_columns is ${limits.maxTableColumns}.`,
    );
  }
  // A view has a pattern of files for each generation.
  if (after.generation > Math.max(before?.generation ?? after.generation, limits.maxTableColumns))
    throw busError(
      'TOO_LARGE',
      `The types of canon.${after.name} would have changed ${after.generation} times; limits.max_table_columns is ${limits.maxTableColumns}.`,
    );
  const added = after.columns.length - (before?.columns.length ?? 0);
  if (added === 0 || after.columns.length <= limits.maxTableColumns) return;
  throw busError(
    'TOO_LARGE',
    `canon.${after.name} would have ${after.columns.length} columns, ${added} of them new; limits.max_table_columns is ${limits.maxTableColumns}.`,
  );
}

import { busError } from '@quantbot/infra';
import type { BusConfig } from '@quantbot/infra/config';
import type { CanonTable } from './table.js';

const hourMs = 3_600_000;

/** Under this name an operator's old databases are adopted, each as one job. */
export const adoptProducer = 'adopt';

/** What a job makes of one canonical table. */
export interface TableChange {
  /** Undefined for a table that is new, and that the configuration does not declare. */
  before: Pick<CanonTable, 'columns'> | undefined;
  after: Pick<CanonTable, 'name' | 'columns'>;
}

/**
 * Bounds what one producer adds to the canonical tables: from then on each table and each column
 * costs every publication and every start, whoever needs it. New tables are remembered in memory,
 * for an hour.
 */
export class TableLimits {
  /** Who made which table, and when. A job that is decided again finds its own. */
  readonly #made = new Map<string, { producer: string; atMs: number }>();

  /**
   * Checks what a job makes of the tables, and notes the new ones.
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
  const added = after.columns.length - (before?.columns.length ?? 0);
  if (added === 0 || after.columns.length <= limits.maxTableColumns) return;
  throw busError(
    'TOO_LARGE',
    `canon.${after.name} would have ${after.columns.length} columns, ${added} of them new; limits.max_table_columns is ${limits.maxTableColumns}.`,
  );
}

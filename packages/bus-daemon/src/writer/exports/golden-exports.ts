import { type CanonTable, modes } from '@quantbot/bus-format/canon';
import { tableInOrder } from '@quantbot/bus-format/views';
import type { WorkerProcess } from '@quantbot/duckdb-process';
import { type ExportFileOptions, isReplaced, ownExportPath } from '@quantbot/infra/config';
import type { Bus } from '../bus.js';
import { defaultOptions, type GoldenExport } from './golden-export.js';

const parseTimeoutMs = 20_000;

/** Returns a canonical table's own export. */
function ofTable(
  table: CanonTable,
  exportDir: string,
  options: ExportFileOptions,
): Omit<GoldenExport, 'changedSeq' | 'turn'> {
  const { name, mode, columns } = table;
  const isInOrder = modes[mode].showsEveryRow;
  return {
    name,
    sql: tableInOrder(name, { isInOrder }),
    untrusted: false,
    reads: [name],
    path: ownExportPath(exportDir, name, options),
    options,
    columns: columns.map(({ name, type }) => ({ name, type })),
    ...(modes[mode].onlyGrows && { sqlFrom: (seq: number) => tableInOrder(name, { fromSeq: seq, isInOrder }) }),
  };
}

/**
 * The list of exports: one per canonical table, unless configured otherwise, and the configured
 * ones.
 */
export class GoldenExports {
  readonly #bus: Bus;
  readonly #worker: WorkerProcess;
  readonly #tables = new Map<string, Promise<string[] | undefined>>();
  /** The exports of all tables, until a table changes. */
  #ofTables:
    | { tables: readonly CanonTable[]; exports: readonly Omit<GoldenExport, 'changedSeq' | 'turn'>[] }
    | undefined;

  /** @param worker parses the SELECTs of the configuration. */
  constructor(bus: Bus, worker: WorkerProcess) {
    this.#bus = bus;
    this.#worker = worker;
  }

  /** Returns all exports, each with the last commit that changed its source. */
  async all(): Promise<GoldenExport[]> {
    const { tables, config } = this.#bus;
    const { exportDir, jobs } = config.export;
    const all = tables.tables();
    if (this.#ofTables?.tables !== all)
      this.#ofTables = {
        tables: all,
        exports: all
          .filter(({ name }) => !isReplaced(name, config.export) && config.export.tables[name]?.enabled !== false)
          .map(table => ofTable(table, exportDir, config.export.tables[table.name] ?? defaultOptions)),
      };
    const ofTables = this.#ofTables.exports.map(item => ({
      ...item,
      changedSeq: tables.lastSeq(item.name),
      turn: this.#turnOf([item.name]),
    }));
    const ofConfig = await Promise.all(
      jobs.map(async job => {
        const reads = canonicalAmong(await this.#tablesRead(job.sql));
        const changedSeq = await this.#changedSeq(job.sql);
        return { ...job, untrusted: true, columns: [], reads, changedSeq, turn: this.#turnOf(reads) };
      }),
    );
    return [...ofTables, ...ofConfig];
  }

  /** Returns the last turn of these tables (undefined: of all). */
  #turnOf(tables: readonly string[] = [...this.#bus.tableTurns.keys()]): number {
    return tables.reduce((last, table) => Math.max(last, this.#bus.tableTurns.get(table) ?? 0), 0);
  }

  /**
   * Returns the last commit that changed a SELECT's source. If its tables are unknown, or it reads
   * the catalog, every commit counts.
   */
  async #changedSeq(sql: string): Promise<number> {
    const tables = await this.#tablesRead(sql);
    if (tables === undefined || !tables.every(table => table.startsWith('canon.'))) return this.#bus.journal.lastSeq;
    return Math.max(0, ...tables.map(table => this.#bus.tables.lastSeq(table.slice('canon.'.length))));
  }

  /** Parses each SELECT once, in another process, because some SQL crashes the parser. */
  #tablesRead(sql: string): Promise<string[] | undefined> {
    const asked =
      this.#tables.get(sql) ?? this.#worker.request({ task: 'tables', sql }, parseTimeoutMs).catch(() => undefined);
    this.#tables.set(sql, asked);
    return asked;
  }
}

const canonicalAmong = (tables: readonly string[] | undefined): string[] | undefined =>
  tables?.filter(table => table.startsWith('canon.')).map(table => table.slice('canon.'.length));

import { type CanonTable, modes, shownName } from '@quantbot/bus-format/canon';
import { tableInOrder } from '@quantbot/bus-format/views';
import type { WorkerProcess } from '@quantbot/duckdb-process';
import { type ExportFileOptions, isReplaced, ownExportPath } from '@quantbot/infra/config';
import type { Bus } from '../bus.js';
import { defaultOptions, type GoldenExport } from './golden-export.js';

const parseTimeoutMs = 20_000;

/** Returns a canonical table's own export, whose source is not known yet. */
function ofTable(table: CanonTable, exportDir: string, options: ExportFileOptions): GoldenExport {
  const { name: first, mode, columns } = table;
  const name = shownName(table);
  const isInOrder = modes[mode].showsEveryRow;
  return {
    name,
    sql: tableInOrder(name, { isInOrder }),
    untrusted: false,
    reads: [first],
    path: ownExportPath(exportDir, name, options),
    options,
    columns: columns.map(({ name, type }) => ({ name, type })),
    changedSeq: 0,
    turn: 0,
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
  /**
   * The exports of these tables. An export is replaced when its source changes. There may be
   * thousands, and each look at all of them is on the way of ingestion.
   */
  #ofTables: { tables: readonly CanonTable[]; exports: GoldenExport[] } = { tables: [], exports: [] };

  /** @param worker parses the SELECTs of the configuration. */
  constructor(bus: Bus, worker: WorkerProcess) {
    this.#bus = bus;
    this.#worker = worker;
  }

  /** Returns all exports, each with the last commit that changed its source. */
  async all(): Promise<GoldenExport[]> {
    const { jobs } = this.#bus.config.export;
    const ofConfig = await Promise.all(
      jobs.map(async job => {
        const named = canonicalAmong(await this.#tablesRead(job.sql));
        const reads = named?.map(name => this.#firstNameOf(name));
        const changedSeq = await this.#changedSeq(job.sql);
        const turn = Math.max(this.#turnOf(reads), ...(named ?? []).map(name => this.#bus.tables.namedAt(name)));
        return { ...job, untrusted: true, columns: [], reads, changedSeq, turn };
      }),
    );
    return [...this.#allOfTables(), ...ofConfig];
  }

  #allOfTables(): readonly GoldenExport[] {
    const { tables, tableTurns, config } = this.#bus;
    const all = tables.tables();
    if (this.#ofTables.tables !== all) {
      const isMine = (name: string) =>
        !isReplaced(name, config.export) && config.export.tables[name]?.enabled !== false;
      const mine = all.filter(table => isMine(shownName(table)));
      const optionsOf = (name: string) => config.export.tables[name] ?? defaultOptions;
      const exports = mine.map(table => ofTable(table, config.export.exportDir, optionsOf(shownName(table))));
      this.#ofTables = { tables: all, exports };
    }
    const { exports } = this.#ofTables;
    for (const [i, item] of exports.entries()) {
      const [first = ''] = item.reads ?? [];
      const changedSeq = tables.lastSeq(first);
      const turn = Math.max(tableTurns.get(first) ?? 0, tables.namedAt(item.name));
      if (item.changedSeq !== changedSeq || item.turn !== turn) exports[i] = { ...item, changedSeq, turn };
    }
    return exports;
  }

  /** A name that no table has leads to none. */
  #firstNameOf(name: string): string {
    return this.#bus.tables.firstNameOf(name) ?? name;
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
    return Math.max(
      0,
      ...tables.map(table => this.#bus.tables.lastSeq(this.#firstNameOf(table.slice('canon.'.length)))),
    );
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

import { randomUUID } from 'node:crypto';
import { type CanonTable, type RegisteredArtifact, TableRegistry } from '@quantbot/bus-format/canon';
import { query } from '@quantbot/bus-format/duckdb';
import { type JournalRow, journalColumnKinds, journalColumns } from '@quantbot/bus-format/journal';
import { identifier, literal, literalList, selectList } from '@quantbot/bus-format/sql';
import { type BusInfo, catalogViews } from '@quantbot/bus-format/views';
import { busLayout } from '@quantbot/infra';
import type { DeclaredTable } from '@quantbot/infra/config';
import type { OpenLake } from '@quantbot/storage/lake';
import { fragmentsBetween, publishable, type WrittenFragment } from '../fragments.js';
import { rowsBetween, schemasBetween } from '../journal.js';
import type { Postgres } from '../postgres/postgres.js';
import { changeOf, createTable, filesOf, lakeColumns, viewsOf } from './tables.js';
import { inTransaction, placeFor } from './transaction.js';

/** About this many jobs are published at once. */
const jobsAtOnce = 4096;
/**
 * PostgreSQL itself holds up to this many rows of the journal until they are flushed. More rows at
 * once become a file of our own. DuckLake must never write a file by INSERT: if the answer to its
 * COMMIT is lost, it deletes the file that the commit names.
 */
const inlinedRows = 5000;

/** Options of a publisher. */
export interface PublisherOptions {
  postgres: Postgres;
  lake: OpenLake;
  /** The root of the objects: `s3://…` or an absolute path. */
  root: string;
  declared: readonly DeclaredTable[];
  info: Omit<BusInfo, 'publishedAt'>;
}

/**
 * Brings the lake up to the journal. Each job is published exactly once: a transaction reads the
 * last seq of the lake and adds the next jobs. It fails if another program has committed to the
 * lake meanwhile.
 */
export class LakePublisher {
  readonly #options: PublisherOptions;
  /** The canonical tables as of a seq. */
  #tables: { registry: TableRegistry; seq: number } | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Creates schemas and the journal's table in an empty lake. */
  async prepare(): Promise<void> {
    const { connection } = this.#options.lake;
    const there = await query(
      connection,
      `SELECT 1 FROM duckdb_tables() WHERE database_name = 'lake' AND schema_name = '_bus'`,
    );
    if (there.length > 0) return;
    await inTransaction(this.#options.lake, async () => {
      for (const schema of ['_bus', 'catalog', 'canon', '_rows', '_files'])
        await connection.run(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
      const columns = journalColumns.map(({ name, type }) => `${identifier(name)} ${type}`);
      await connection.run(`CREATE TABLE _bus.journal (${columns.join(', ')})`);
      await this.#createCatalog([]);
    });
    await connection.run(
      `CALL lake.set_option('data_inlining_row_limit', ${2 * inlinedRows}, schema => '_bus', table_name => 'journal')`,
    );
  }

  /** The last seq that readers see. */
  async publishedSeq(): Promise<number> {
    const [row] = await query<{ seq: bigint | null }>(
      this.#options.lake.connection,
      'SELECT max(seq) AS seq FROM _bus.journal',
    );
    return Number(row?.seq ?? 0);
  }

  /**
   * Publishes the next jobs.
   *
   * @returns the last seq that readers see now; the same as before if there was nothing.
   */
  async publish(): Promise<number> {
    const { postgres } = this.#options;
    let upTo = 0;
    try {
      await inTransaction(this.#options.lake, async () => {
        const after = await this.publishedSeq();
        upTo = await publishable(postgres, after, jobsAtOnce);
        if (upTo > after) await this.#add(after, upTo);
      });
    } catch (error) {
      this.#tables = undefined; // the state of the lake is unknown: read it again
      throw error;
    }
    return upTo;
  }

  async #add(after: number, upTo: number): Promise<void> {
    const { postgres, lake } = this.#options;
    const registry = await this.#tablesAt(after);
    const schemas = await schemasBetween(postgres, after, upTo);
    const changed = await this.#change(registry, schemas);
    if (changed) await this.#createCatalog(registry.tables());
    const byTable = new Map<string, WrittenFragment[]>();
    for (const fragment of await fragmentsBetween(postgres, after, upTo))
      byTable.set(fragment.table, [...(byTable.get(fragment.table) ?? []), fragment]);
    for (const [table, fragments] of byTable)
      await this.#addFiles(
        '_files',
        table,
        fragments.map(({ object }) => object),
      );
    await this.#addRows(await rowsBetween(postgres, after + 1, upTo));
    await lake.connection.run(
      `CALL lake.set_commit_message('quantbot-bus', ${literal(`seq ${after + 1} to ${upTo}`)}, extra_info => ${literal(JSON.stringify({ first: after + 1, last: upTo }))})`,
    );
    this.#tables = { registry, seq: upTo };
  }

  async #tablesAt(seq: number): Promise<TableRegistry> {
    if (this.#tables?.seq === seq) return this.#tables.registry;
    const registry = TableRegistry.replay([], this.#options.declared);
    for (const schema of await schemasBetween(this.#options.postgres, 0, seq)) registry.apply(schema);
    return registry;
  }

  /** Applies new schemas, and alters the tables of the lake. */
  async #change(registry: TableRegistry, schemas: readonly RegisteredArtifact[]): Promise<boolean> {
    const before = new Map(registry.tables().map(table => [table.name, table]));
    for (const schema of schemas) registry.apply(schema);
    const changed = registry.tables().filter(table => before.get(table.name) !== table);
    for (const table of changed) {
      const was = (await this.#isThere(table.name)) ? before.get(table.name) : undefined;
      const change = changeOf(was, table);
      if (change.rewrite) await this.#rewrite(was as CanonTable, table);
      for (const statement of [...change.statements, ...viewsOf(table)])
        await this.#options.lake.connection.run(statement);
    }
    return changed.length > 0;
  }

  async #isThere(table: string): Promise<boolean> {
    const rows = await query(
      this.#options.lake.connection,
      `SELECT 1 FROM duckdb_tables() WHERE database_name = 'lake' AND schema_name = '_files' AND table_name = ${literal(table)}`,
    );
    return rows.length > 0;
  }

  /**
   * Writes all rows of a table into one file with its new types. A Bloom filter would make DuckDB
   * miss rows (see storage, parquet/bloom.ts).
   */
  async #rewrite(before: CanonTable, after: CanonTable): Promise<void> {
    const { connection } = this.#options.lake;
    const there = new Set(lakeColumns(before).map(({ name }) => name));
    const columns = lakeColumns(after);
    const values = columns
      .filter(({ name }) => there.has(name))
      .map(({ name, type }) => `CAST(${identifier(name)} AS ${type}) AS ${identifier(name)}`);
    const object = `lake/${after.name}/rewritten~${randomUUID()}.parquet`;
    await connection.run(
      `COPY (SELECT ${values.join(', ')} FROM ${filesOf(after.name)} ORDER BY _seq, _ordinal, _row) TO ${literal(await placeFor(this.#options.root, object))} (FORMAT parquet, COMPRESSION zstd, WRITE_BLOOM_FILTER false)`,
    );
    await connection.run(`DROP TABLE ${filesOf(after.name)}`);
    await connection.run(createTable(after.name, columns));
    await this.#addFiles('_files', after.name, [object]);
  }

  async #addFiles(schema: string, table: string, objects: readonly string[]): Promise<void> {
    const files = literalList(objects.map(object => this.#locationOf(object)));
    await this.#options.lake.connection.run(
      `CALL ducklake_add_data_files('lake', ${literal(table)}, ${files}, schema => ${literal(schema)}, allow_missing => true)`,
    );
  }

  /** Adds rows of the journal: a few inlined, many as a file. */
  async #addRows(rows: readonly JournalRow[]): Promise<void> {
    const { connection } = this.#options.lake;
    const types = journalColumnKinds.map(
      ([name, kind]) => `${identifier(name)}: '${kind === 'int64' ? 'BIGINT' : 'VARCHAR'}'`,
    );
    const times = new Set<string>(journalColumnKinds.filter(([, kind]) => kind === 'timestamp').map(([name]) => name));
    const json = JSON.stringify(rows, (name, value) =>
      times.has(name) && value !== null ? new Date(value).toISOString() : value,
    );
    const columns = journalColumnKinds.map(([name]) =>
      times.has(name) ? `CAST(${identifier(name)} AS TIMESTAMP) AS ${identifier(name)}` : identifier(name),
    );
    const select = `SELECT ${columns.join(', ')} FROM (SELECT unnest(from_json($1, '[{${types.join(', ').replaceAll("'", '"')}}]'), max_depth := 2))`;
    if (rows.length <= inlinedRows) {
      await connection.run(`INSERT INTO _bus.journal (${selectList(journalColumns)}) ${select}`, [json]);
      return;
    }
    const object = `lake/_bus.journal/${rows[0]?.seq}-${rows.at(-1)?.seq}~${randomUUID()}.parquet`;
    await connection.run(
      `COPY (${select}) TO ${literal(await placeFor(this.#options.root, object))} (FORMAT parquet, COMPRESSION zstd)`,
      [json],
    );
    await this.#addFiles('_bus', 'journal', [object]);
  }

  /**
   * Creates the views of `catalog.*`; some of them list the canonical tables as constants. The
   * status of the exports must be there, because DuckDB looks at it.
   */
  async #createCatalog(tables: readonly CanonTable[]): Promise<void> {
    const { root, info } = this.#options;
    const files = tables.map(table => ({ table, segments: [], newestCompacted: 0, compactedSeq: 0, behind: [] }));
    const layout = { ...busLayout('/'), root };
    const views = catalogViews(
      layout,
      { seq: 0, compactedSeq: 0, hotCommits: [], segments: [], tables: files },
      { ...info, publishedAt: new Date() },
    );
    for (const view of views)
      await this.#options.lake.connection.run(view.replace('CREATE VIEW', 'CREATE OR REPLACE VIEW'));
  }

  #locationOf = (object: string): string => `${this.#options.root}/${object}`;
}

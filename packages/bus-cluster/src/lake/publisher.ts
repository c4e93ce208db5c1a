import type { CanonTable, RegisteredArtifact, TableRegistry } from '@quantbot/bus-format/canon';
import { query } from '@quantbot/bus-format/duckdb';
import { type JournalRow, journalColumnKinds, journalColumns } from '@quantbot/bus-format/journal';
import { identifier, literal, selectList } from '@quantbot/bus-format/sql';
import type { BusInfo } from '@quantbot/bus-format/views';
import type { DeclaredTable } from '@quantbot/infra/config';
import { faultPoint } from '@quantbot/infra/files';
import type { OpenLake } from '@quantbot/storage/lake';
import { fragmentsBetween, publishable, type WrittenFragment } from '../fragments.js';
import { readableUpTo, rowsBetween, schemasBetween } from '../journal.js';
import { findKeys } from '../judge.js';
import type { Postgres } from '../postgres/postgres.js';
import { tableOperationsBetween } from '../table-operations.js';
import { tablesAt } from '../tables-at.js';
import { createCatalog, hasForgottenIn, isCatalogCurrent } from './catalog.js';
import { eraseRows, hasTable, removeWholeFiles } from './erase.js';
import { followOperation } from './follow-operation.js';
import { rangesOf } from './ranges.js';
import { changeOf, createTable, filesOf, lakeColumns, viewsOf } from './tables.js';
import { inTransaction } from './transaction.js';
import { addFiles, type LakePlace, mustBeSound, putSealed, sealedParquet, writeFile } from './write-file.js';

/** About this many jobs are published at once. */
const jobsAtOnce = 4096;
/**
 * PostgreSQL itself holds up to this many rows of the journal until they are flushed. More rows at
 * once become a file of our own. DuckLake must never write a file by INSERT: if the answer to its
 * COMMIT is lost, it deletes the file that the commit names.
 */
const inlinedRows = 5000;
/** PostgreSQL takes longer texts too slowly (characters). */
const inlinedText = 4 * 1024 * 1024;

/** Options of a publisher. */
export interface PublisherOptions {
  postgres: Postgres;
  lake: OpenLake;
  place: LakePlace;
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
  /** Whether the lake has artifacts that were ever forgotten; undefined until it is read. */
  #hasForgotten: boolean | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Creates schemas and the journal's table in an empty lake, or brings its catalog up to date. */
  async prepare(): Promise<void> {
    const { connection } = this.#options.lake;
    const there = await query(
      connection,
      `SELECT 1 FROM duckdb_tables() WHERE database_name = 'lake' AND schema_name = '_bus'`,
    );
    if (there.length === 0)
      await inTransaction(this.#options.lake, async () => {
        for (const schema of ['_bus', 'catalog', 'canon', '_rows', '_files'])
          await connection.run(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
        const columns = journalColumns.map(({ name, type }) => `${identifier(name)} ${type}`);
        await connection.run(`CREATE TABLE _bus.journal (${columns.join(', ')})`);
      });
    await this.#update();
  }

  /** The catalog comes last: without it, the next call sets the options, whoever was killed. */
  async #update(): Promise<void> {
    const { lake } = this.#options;
    if (await isCatalogCurrent(lake)) return;
    await removeWholeFiles(lake);
    await lake.connection.run(
      `CALL lake.set_option('data_inlining_row_limit', ${2 * inlinedRows}, schema => '_bus', table_name => 'journal')`,
    );
    await inTransaction(lake, async () => this.#createCatalog(await this.#tablesAt(await this.publishedSeq())));
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
        if (upTo <= after) return;
        const readable = await readableUpTo(postgres, after, upTo);
        if (readable < upTo) upTo = await publishable(postgres, after, readable - after);
        await this.#add(after, upTo);
      });
    } catch (error) {
      this.#tables = undefined; // the state of the lake is unknown: read it again
      this.#hasForgotten = undefined;
      throw error;
    }
    return upTo;
  }

  async #add(after: number, upTo: number): Promise<void> {
    const { postgres, lake } = this.#options;
    const before = await this.#tablesAt(after);
    const schemas = await schemasBetween(postgres, after, upTo);
    const rows = await rowsBetween(postgres, after + 1, upTo);
    this.#hasForgotten ??= await hasForgottenIn(lake);
    const isFirstForgotten = !this.#hasForgotten && rows.some(isGone);
    this.#hasForgotten ||= isFirstForgotten;
    const registry = await this.#followOperation(before, after, upTo);
    const changed = (await this.#change(registry, schemas)) || registry !== before;
    if (isFirstForgotten)
      for (const table of registry.tables())
        if (await hasTable(lake, table.name))
          // a declared table has none before its first artifact
          await this.#createViews(registry, table);
    if (changed || isFirstForgotten) await this.#createCatalog(registry);
    await this.#erase(registry, rows);
    const byTable = new Map<string, WrittenFragment[]>();
    for (const fragment of await fragmentsBetween(postgres, after, upTo))
      byTable.set(fragment.table, [...(byTable.get(fragment.table) ?? []), fragment]);
    for (const [table, fragments] of byTable)
      await addFiles(
        lake,
        table,
        fragments.map(({ object }) => this.#locationOf(object)),
      );
    await this.#addRows(rows);
    await lake.connection.run(
      `CALL lake.set_commit_message('quantbot-bus', ${literal(`seq ${after + 1} to ${upTo}`)}, extra_info => ${literal(JSON.stringify({ first: after + 1, last: upTo }))})`,
    );
    faultPoint('publish:added');
    this.#tables = { registry, seq: upTo };
  }

  /** Takes the rows of artifacts out of their tables, before new rows come. */
  async #erase({ names }: TableRegistry, rows: readonly JournalRow[]): Promise<void> {
    const { postgres, lake, place } = this.#options;
    const erased = rows.filter(({ status }) => status === 'erased');
    const known = await findKeys(
      postgres,
      erased.map(({ artifact_key }) => artifact_key ?? ''),
    );
    const byTable = new Map<string, { keys: string[]; seqs: number[] }>();
    for (const { schema_hint, artifact_key } of erased) {
      const key = artifact_key ?? '';
      const seq = known.get(key)?.seq ?? 0;
      const table = names.tableOf(schema_hint, seq);
      if (table === undefined) continue;
      const own = byTable.get(table) ?? { keys: [], seqs: [] };
      byTable.set(table, own);
      own.keys.push(key);
      own.seqs.push(seq);
    }
    for (const [table, own] of byTable)
      if (await hasTable(lake, table)) await eraseRows(lake, table, { place, ...own });
  }

  async #tablesAt(seq: number): Promise<TableRegistry> {
    if (this.#tables?.seq === seq) return this.#tables.registry;
    return tablesAt(this.#options.postgres, seq, this.#options.declared);
  }

  /**
   * Does in the lake what an operation on a table did, which is published alone.
   *
   * @returns the tables after it; the same as before if there was none.
   */
  async #followOperation(before: TableRegistry, seq: number, upTo: number): Promise<TableRegistry> {
    const { postgres, lake, declared } = this.#options;
    const [operation] = await tableOperationsBetween(postgres, seq, upTo);
    if (operation === undefined) return before;
    const after = await tablesAt(postgres, upTo, declared);
    await followOperation(lake, operation, { before, after, hasForgotten: this.#hasForgotten ?? false });
    return after;
  }

  async #createViews({ names }: TableRegistry, table: CanonTable): Promise<void> {
    for (const view of viewsOf(table, { names, hasForgotten: this.#hasForgotten ?? false }))
      await this.#options.lake.connection.run(view);
  }

  /** Applies new schemas, and alters the tables of the lake. */
  async #change(registry: TableRegistry, schemas: readonly RegisteredArtifact[]): Promise<boolean> {
    const before = new Map(registry.tables().map(table => [table.name, table]));
    for (const schema of schemas) registry.apply(schema);
    const named = new Set(schemas.map(({ schemaHint }) => registry.tableOf(schemaHint)));
    const changed: CanonTable[] = [];
    // The first artifact of a declared table may have just the declared columns.
    for (const table of registry.tables())
      if (
        before.get(table.name) !== table ||
        (named.has(table.name) && !(await hasTable(this.#options.lake, table.name)))
      )
        changed.push(table);
    for (const table of changed) {
      const was = (await hasTable(this.#options.lake, table.name)) ? before.get(table.name) : undefined;
      const change = changeOf(was, table);
      if (change.rewrite) await this.#rewrite(was as CanonTable, table);
      for (const statement of change.statements) await this.#options.lake.connection.run(statement);
      await this.#createViews(registry, table);
    }
    return changed.length > 0;
  }

  /** Writes all rows of a table into one file with its new types. */
  async #rewrite(before: CanonTable, after: CanonTable): Promise<void> {
    const { lake, place } = this.#options;
    const { connection } = lake;
    const there = new Set(lakeColumns(before).map(({ name }) => name));
    const columns = lakeColumns(after);
    const values = columns
      .filter(({ name }) => there.has(name))
      .map(({ name, type }) => `CAST(${identifier(name)} AS ${type}) AS ${identifier(name)}`);
    const sql = `SELECT ${values.join(', ')} FROM ${filesOf(after.name)}`;
    await mustBeSound(
      place,
      (await rangesOf(lake, before.name)).flatMap(({ paths }) => paths),
    );
    const file = await writeFile(lake, after.name, { place, name: 'rewritten', sql });
    await connection.run(`DROP TABLE ${filesOf(after.name)}`);
    await connection.run(createTable(after.name, columns));
    await addFiles(lake, after.name, [file]);
  }

  /** Adds rows of the journal: a few inlined, many as a file. */
  async #addRows(rows: readonly JournalRow[]): Promise<void> {
    const { lake, place } = this.#options;
    const { connection } = lake;
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
    if (rows.length <= inlinedRows && json.length <= inlinedText) {
      await connection.run(`INSERT INTO _bus.journal (${selectList(journalColumns)}) ${select}`, [json]);
      return;
    }
    const file = await putSealed(place, `_bus.journal/${rows[0]?.seq}-${rows.at(-1)?.seq}`, path =>
      connection.run(`COPY (${select}) TO ${literal(path)} (${sealedParquet})`, [json]),
    );
    await addFiles(lake, 'journal', [file], '_bus');
  }

  async #createCatalog(tables: TableRegistry): Promise<void> {
    const { lake, place, info } = this.#options;
    const { root } = place;
    await createCatalog(lake, { root, info, tables, hasForgotten: this.#hasForgotten ?? (await hasForgottenIn(lake)) });
  }

  #locationOf = (object: string): string => `${this.#options.place.root}/${object}`;
}

const isGone = ({ status }: JournalRow): boolean => status === 'forgotten' || status === 'erased';

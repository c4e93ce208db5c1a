import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ErasedReport } from '@quantbot/bus-care/verify';
import { literal } from '@quantbot/bus-format';
import { type MemoryDatabase, openMemoryDatabase, query } from '@quantbot/bus-format/duckdb';
import type { JournalRow } from '@quantbot/bus-format/journal';
import { BusError } from '@quantbot/infra';
import { busError } from '@quantbot/infra/bus';
import { type ClusterConfig, withVariables } from '@quantbot/infra/config';
import { hashObject, type Objects, openObjects } from '@quantbot/infra/objects';
import { lakeAddress } from '@quantbot/storage/lake';
import { makeOwnFolder } from '@quantbot/storage/sandbox';
import { type KnownExport, knownExports } from '../exports.js';
import { forgottenAmong, turnsOfTables } from '../forgotten.js';
import { pagesOf } from '../pages.js';
import { Postgres } from '../postgres/postgres.js';
import { rowFrom } from '../row-from.js';
import { operatedTables } from '../table-operations.js';
import { namedInLake } from './gc/named-in-lake.js';

const memoryMb = 1024;

/** What removes a file of the lake with rows of an artifact. */
const cures = {
  named: '; the daemon that publishes removes it after compaction.release_grace_s',
  left: '; a rebuild left it: quantbot-bus gc --keep-unfinished 1h --apply removes it an hour after it was written',
};

/**
 * Proves that no object of a cluster holds the bytes or the rows of an erased artifact: neither the
 * store, nor files of the lake (those of old snapshots included), nor exports. It reads every file
 * of the artifact's table. Old versions in a versioned bucket are not looked at.
 *
 * @throws BusError `OPTIONS_INVALID` for a key that the bus never had, and those of the object
 * store; DaemonError `POSTGRES_UNREACHABLE`.
 */
export async function verifyClusterErased(cluster: ClusterConfig, key: string): Promise<ErasedReport> {
  const objects = await openObjects(withVariables(cluster.objects), cluster.s3);
  const { postgres: url, root } = await lakeAddress(cluster);
  const postgres = await Postgres.open(url, { connections: 1 });
  const { path: folder, remove } = makeOwnFolder('erased');
  const database = await openMemoryDatabase({ memoryMb, threads: 2 });
  try {
    const [found] = await postgres.query(`SELECT * FROM bus.journal WHERE status = 'ingested' AND artifact_key = $1`, [
      key,
    ]);
    if (found === undefined) throw busError('OPTIONS_INVALID', `The bus never had an artifact ${key}.`);
    const row = rowFrom(found);
    const { names } = await operatedTables(postgres);
    const table = names.tableOf(row.schema_hint, row.seq);
    const search = new Search(
      { postgres, objects, root, database, folder },
      { row, table, shown: names.nameOf(table ?? '') },
    );
    await search.journal();
    await search.store();
    await search.lake();
    await search.exports();
    return search.report;
  } finally {
    database.close();
    await postgres.close();
    remove();
  }
}

/** Where a search looks. */
interface Places {
  postgres: Postgres;
  objects: Objects;
  /** The root of the objects, as DuckDB names it. */
  root: string;
  database: MemoryDatabase;
  /** For one downloaded object at a time. */
  folder: string;
}

/** What a search looks for. */
interface Sought {
  row: JournalRow;
  /** Its canonical table, by first name, and the name for readers. */
  table: string | undefined;
  shown: string;
}

class Search {
  readonly report: ErasedReport;
  readonly #places: Places;
  readonly #row: JournalRow;
  readonly #key: string;
  readonly #table: string | undefined;
  readonly #shown: string;
  #isErased = false;

  constructor(places: Places, { row, table, shown }: Sought) {
    this.#places = places;
    this.#row = row;
    this.#key = row.artifact_key ?? '';
    this.#table = table;
    this.#shown = shown;
    this.report = { key: this.#key, files: 0, problems: [] };
  }

  /** Whether it is erased as the journal says, and whether other artifacts have the same bytes. */
  async journal(): Promise<void> {
    const { postgres } = this.#places;
    const status = (await forgottenAmong(postgres, [this.#key])).get(this.#key)?.status;
    this.#isErased = status === 'erased';
    if (status === undefined) this.#note(this.#key, 'the journal does not say that it is forgotten');
    else if (this.#table !== undefined && status !== 'erased')
      this.#note(this.#key, 'it is forgotten, but its rows stay in its table');
    const same = await postgres.query<{ key: string }>(
      `SELECT artifact_key AS key FROM bus.journal WHERE status = 'ingested' AND sha256 = $1 AND artifact_key <> $2
       AND artifact_key NOT IN (SELECT artifact_key FROM bus.forgotten)`,
      [this.#row.sha256, this.#key],
    );
    for (const { key } of same) this.#note(key, 'this artifact has the same bytes, and is not forgotten');
  }

  async store(): Promise<void> {
    const { objects } = this.#places;
    for await (const page of pagesOf(objects, 'store/'))
      for (const { key, bytes } of page) {
        this.report.files++;
        if (bytes !== this.#row.bytes) continue;
        const sha256 = await hashObject(objects, key, bytes).catch(unlessUnsafe);
        if (sha256 === this.#row.sha256) this.#note(key, 'it has the same bytes');
        if (sha256 === 'unsafe') this.#note(key, 'it has as many bytes, and its name keeps the bus from reading it');
      }
  }

  /** Each file of a table names the artifact of each row. */
  async lake(): Promise<void> {
    const { postgres, objects, root } = this.#places;
    if (this.#table === undefined) return;
    const isNamed = await namedInLake(postgres, root);
    for await (const page of pagesOf(objects, `lake/${this.#table}/`))
      for (const { key } of page) await this.#rowsIn(key, isNamed(key) ? cures.named : cures.left);
  }

  /**
   * An export without the artifacts of its rows is clean if it was written after the rows had left
   * their table.
   */
  async exports(): Promise<void> {
    const { objects, postgres } = this.#places;
    if (this.#table === undefined) return;
    const left = (await turnsOfTables(postgres, Number.MAX_SAFE_INTEGER)).get(this.#table) ?? 0;
    const known = await knownExports(postgres);
    for await (const page of pagesOf(objects, 'exports/'))
      for (const { key } of page) {
        if (!key.endsWith('.parquet') || (await this.#rowsIn(key))) continue;
        if ((known.find(one => isOf(one, key))?.seq ?? 0) < left)
          this.#note(key, `it was written before the rows left canon.${this.#shown}`);
      }
  }

  /** Returns whether the file names the artifact of each row. */
  async #rowsIn(key: string, cure = ''): Promise<boolean> {
    const { objects, folder, database } = this.#places;
    const path = join(folder, 'object.parquet');
    this.report.files++;
    if ((await objects.download(key, path)) === undefined) return true; // removed meanwhile
    try {
      const columns = await query(
        database.connection,
        `SELECT 1 FROM parquet_schema(${literal(path)}) WHERE name = '_artifact_key'`,
      );
      if (columns.length === 0) return false;
      const [found] = await query<{ n: bigint }>(
        database.connection,
        `SELECT count(*) AS n FROM read_parquet(${literal(path)}) WHERE _artifact_key = ${literal(this.#key)}`,
      );
      if (Number(found?.n) > 0) this.#note(key, `it has ${found?.n} of its rows${this.#isErased ? cure : ''}`);
    } catch (error) {
      this.#note(key, `it cannot be read: ${(error as Error).message.split('\n', 1)[0]}`);
    } finally {
      await rm(path, { force: true });
    }
    return true;
  }

  #note(what: string, detail: string): void {
    this.report.problems.push({ code: 'NOT_ERASED', what, detail });
  }
}

const isOf = ({ name, folder }: KnownExport, key: string): boolean =>
  folder === null ? key === `exports/${name}.parquet` : key.startsWith(`${folder}/`);

/** Producers choose names below `store/`, and this program uses only some. */
function unlessUnsafe(error: unknown): 'unsafe' {
  if (!(error instanceof BusError) || error.code !== 'UNSAFE_PATH') throw error;
  return 'unsafe';
}

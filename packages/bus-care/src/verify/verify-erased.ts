import { lstatSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { ignoreMissing, literal } from '@quantbot/bus-format';
import { type MemoryDatabase, openMemoryDatabase, query } from '@quantbot/bus-format/duckdb';
import { isOneOf, Journal, type JournalRow, positionIn } from '@quantbot/bus-format/journal';
import { readExportStatus } from '@quantbot/bus-format/state';
import { type BusLayout, busError, busLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { digestFile, systemErrorCode } from '@quantbot/infra/files';
import { type Readers, readersOfOldFiles } from './old-files.js';
import type { StoreProblem } from './problem.js';

/** What is left of an artifact that was to be erased. */
export interface ErasedReport {
  key: string;
  /** Number of files that were examined. */
  files: number;
  /** Empty: no file of the bus holds its bytes or its rows. */
  problems: StoreProblem[];
  /** Who still holds old files. Absent for a bus on many machines. */
  oldFiles?: Readers;
}

const memoryMb = 1024;

/**
 * Proves that no file of the bus holds the bytes or the rows of an erased artifact: neither store,
 * commits, compacted files (old generations and copies of backups included), exports, nor folders
 * of jobs. Names the processes that hold files of the bus which were removed or replaced: these may
 * still have them.
 *
 * @throws BusError `OPTIONS_INVALID` for a key that the bus never had.
 */
export async function verifyErased(config: BusConfig, key: string): Promise<ErasedReport> {
  const layout = busLayout(config.busRoot);
  const journal = await Journal.read(layout);
  const database = await openMemoryDatabase({ memoryMb, threads: 2 });
  try {
    const [row] = await journal.rows(`WHERE status = 'ingested' AND ${isOneOf([key])}`, [key]);
    if (row === undefined) throw busError('OPTIONS_INVALID', `The bus never had an artifact ${key}.`);
    const table = journal.names.tableOf(row.schema_hint, row.seq);
    const search = new Search(config, layout, database, { row, table, shown: journal.names.nameOf(table ?? '') });
    await search.journal(journal);
    for (const folder of [layout.canon, layout.building, join(layout.journal, 'rotten')])
      await search.rowsBelow(folder);
    await search.hotFiles();
    for (const folder of ['store', 'staging', 'inbox', 'claimed', 'processed', 'rejected'] as const)
      await search.bytesBelow(layout[folder]);
    await search.exports();
    return { key, files: search.files, problems: search.problems, oldFiles: readersOfOldFiles(config) };
  } finally {
    database.close();
    journal.close();
  }
}

class Search {
  readonly problems: StoreProblem[] = [];
  files = 0;
  readonly #config: BusConfig;
  readonly #layout: BusLayout;
  readonly #database: MemoryDatabase;
  readonly #row: JournalRow;
  /** The first name of its table, which its files have. */
  readonly #table: string | undefined;
  /** The name under which readers find it. */
  readonly #shown: string;

  constructor(
    config: BusConfig,
    layout: BusLayout,
    database: MemoryDatabase,
    of: { row: JournalRow; table: string | undefined; shown: string },
  ) {
    this.#config = config;
    this.#layout = layout;
    this.#database = database;
    this.#row = of.row;
    this.#table = of.table;
    this.#shown = of.shown;
  }

  /**
   * Whether the journal says that it is erased, and whether other artifacts have the same bytes.
   */
  async journal(journal: Journal): Promise<void> {
    const key = this.#row.artifact_key ?? '';
    const gone = (await journal.findKeys([key])).get(key)?.gone;
    if (gone === undefined) this.#note(key, 'the journal does not say that it is forgotten');
    else if (this.#table !== undefined && gone !== 'erased')
      this.#note(key, 'it is forgotten, but its rows stay in its table');
    const same = await journal.query<{ artifact_key: string }>(
      `SELECT artifact_key FROM ${journal.stored} WHERE status = 'ingested' AND sha256 IN (SELECT unnest($1))`,
      [this.#row.sha256 ?? ''],
    );
    for (const { artifact_key } of same)
      if (artifact_key !== key) this.#note(artifact_key, 'this artifact has the same bytes, and is not forgotten');
  }

  /** Files in commits are links to stored files, whose names have the place of the artifact. */
  async hotFiles(): Promise<void> {
    const place = `${this.#row.seq}-${this.#row.ordinal}`;
    for (const path of await filesBelow(this.#layout.hot)) {
      this.files++;
      if (path.includes('~') && positionIn(path) === place) this.#note(this.#below(path), 'this commit has its file');
    }
  }

  /** Compacted files name the artifact of each row. */
  async rowsBelow(folder: string): Promise<void> {
    for (const path of await filesBelow(folder)) if (path.endsWith('.parquet')) await this.#rowsIn(path);
  }

  async bytesBelow(folder: string): Promise<void> {
    for (const path of await filesBelow(folder)) {
      this.files++;
      const info = lstatSync(path, { throwIfNoEntry: false });
      if (info?.isFile() !== true || info.size !== this.#row.bytes) continue;
      const isSame = (await digestFile(path).catch(ignoreMissing))?.sha256 === this.#row.sha256;
      if (isSame) this.#note(this.#below(path), 'it has the same bytes');
    }
  }

  /**
   * An export of your own SQL need not name artifacts: it must be younger than the table's files.
   */
  async exports(): Promise<void> {
    const { exportDir } = this.#config.export;
    const table = this.#table;
    const status = await readExportStatus(exportDir);
    const definition = table && (await stat(join(this.#layout.canon, table, 'table.json')).catch(ignoreMissing));
    for (const path of await filesBelow(exportDir)) {
      if (!path.endsWith('.parquet') || (await this.#rowsIn(path)) || table === undefined) continue;
      const entry = Object.values(status.exports).find(e => path === e.path || path.startsWith(`${e.path}/`));
      if (definition && Date.parse(entry?.started_at ?? '') >= definition.mtimeMs) continue;
      this.#note(this.#below(path), `it was written before the rows left canon.${this.#shown}`);
    }
  }

  /** Returns whether the file names the artifact of each row. */
  async #rowsIn(path: string): Promise<boolean> {
    this.files++;
    if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) return true;
    const { connection } = this.#database;
    try {
      const columns = await query<{ name: string }>(
        connection,
        `SELECT name FROM parquet_schema(${literal(path)}) WHERE name = '_artifact_key'`,
      );
      if (columns.length === 0) return false;
      const [found] = await query<{ n: bigint }>(
        connection,
        `SELECT count(*) AS n FROM read_parquet(${literal(path)}, hive_partitioning = false) WHERE _artifact_key = ${literal(this.#row.artifact_key ?? '')}`,
      );
      if (Number(found?.n) > 0) this.#note(this.#below(path), `it has ${found?.n} of its rows`);
    } catch (error) {
      if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return true; // removed meanwhile
      this.#note(this.#below(path), `it cannot be read: ${(error as Error).message.split('\n', 1)[0]}`);
    }
    return true;
  }

  #note(what: string, detail: string): void {
    this.problems.push({ code: 'NOT_ERASED', what, detail });
  }

  #below(path: string): string {
    const below = relative(this.#layout.root, path);
    return below.startsWith('..') ? path : below;
  }
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(error => {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    return [];
  });
  return entries.filter(entry => !entry.isDirectory()).map(entry => join(entry.parentPath, entry.name));
}

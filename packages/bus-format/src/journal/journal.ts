import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDBConnection, LIST, listValue, VARCHAR } from '@duckdb/node-api';
import type { BusLayout } from '@quantbot/infra/bus';
import { syncFolder } from '@quantbot/infra/files';
import { type MemoryDatabase, openMemoryDatabase, query } from '../duckdb.js';
import { daemonError } from '../errors.js';
import { askUntilStill } from './beside-daemon.js';
import { ensureEmptyCommit } from './empty-files.js';
import {
  countTableFiles,
  haveMoved,
  listHotCommits,
  listSegments,
  mustBeFiles,
  mustFollowEachOther,
  type Segment,
  seqName,
  unreadable,
} from './files.js';
import { lastTurnQuery } from './forgotten.js';
import { JournalRows } from './journal-rows.js';
import { hashOf, hashSql, KnownKeys } from './known-keys.js';
import { damaged, rottenJournalFiles, withoutRotten } from './rot.js';
import type { JournalSnapshot } from './snapshot.js';
import { namesGivenBy } from './table-operations.js';
import { journalViewsAt } from './views.js';

/** The memory limit of the daemon's own queries. */
const lookupMemoryMb = 128;

/**
 * The source of truth: every commit, in order. Queries run in a private in-memory DuckDB over the
 * views that readers get. The commit stage writes commits; compaction writes segments.
 */
export class Journal extends JournalRows {
  readonly #layout: BusLayout;
  readonly #database: MemoryDatabase;
  #segments: Segment[] = [];
  #hot: number[] = [];
  /** The number of files of canonical tables in each of them. */
  #tableFiles = new Map<number, number>();
  readonly #keys = new KnownKeys();
  readonly #isBesideDaemon: boolean;
  #version = 0;
  /** The version whose files the views name. */
  #viewsVersion = -1;
  #buildingViews: Promise<void> | undefined;

  private constructor(layout: BusLayout, database: MemoryDatabase, isBesideDaemon: boolean) {
    super();
    this.#layout = layout;
    this.#database = database;
    this.#isBesideDaemon = isBesideDaemon;
  }

  /**
   * Opens the journal of a bus. Flushes its folders, because a visible name may not be on disk yet.
   * Removes half-built commits, and compares each live file with its checksum.
   *
   * @throws DaemonError `JOURNAL_DAMAGED`.
   */
  static async open(layout: BusLayout): Promise<Journal> {
    await ensureEmptyCommit(layout);
    for (const folder of [layout.hot, layout.segments, layout.journal]) await syncFolder(folder);
    for (const name of await readdir(layout.building))
      await rm(join(layout.building, name), { recursive: true, force: true });
    return withoutRotten(layout, async () => {
      const journal = await Journal.#load(layout, false);
      try {
        await journal.check();
        await journal.#loadKeys();
        return journal;
      } catch (error) {
        journal.close();
        throw error;
      }
    });
  }

  /**
   * Opens the journal read-only, beside a running daemon. A query that meets a compaction is
   * repeated. Compares each live file with its checksum, because nobody may act on wrong rows.
   *
   * @throws DaemonError `JOURNAL_DAMAGED`.
   */
  static async read(layout: BusLayout): Promise<Journal> {
    const rotten = await rottenJournalFiles(layout);
    if (rotten.length > 0) throw damaged(layout, rotten);
    return Journal.#load(layout, true);
  }

  static async #load(layout: BusLayout, isBesideDaemon: boolean): Promise<Journal> {
    const database = await openMemoryDatabase({ memoryMb: lookupMemoryMb, threads: 2 });
    const journal = new Journal(layout, database, isBesideDaemon);
    await journal.reload();
    // A daemon beside this process may forget something at any moment.
    journal.lastTurn = isBesideDaemon ? 1 : 0;
    // Before the first start of a daemon, there is no file to query.
    if (isBesideDaemon && journal.lastSeq > 0) await journal.readNames();
    return journal;
  }

  close(): void {
    this.#database.close();
  }

  /** The seq of the last committed job; 0 when there is none. */
  get lastSeq(): number {
    return Math.max(this.#hot.at(-1) ?? 0, this.compactedSeq);
  }

  /** Commits up to this seq are in segments. */
  get compactedSeq(): number {
    return this.#segments.at(-1)?.last ?? 0;
  }

  /** Changes whenever compaction moves files of the journal or of a canonical table. */
  get version(): number {
    return this.#version;
  }

  /** The live segments in order. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /** The commits that are in no segment yet, by the last seq of each. */
  get hotCommits(): readonly number[] {
    return this.#hot;
  }

  /** How many files of canonical tables are in no segment yet: a reader opens each of them. */
  get hotTableFiles(): number {
    return this.#hot.reduce((sum, seq) => sum + (this.#tableFiles.get(seq) ?? 0), 0);
  }

  /** Reads the folders again: at start, and after a compaction. */
  async reload(): Promise<void> {
    const segments = (await listSegments(this.#layout.segments)).live;
    const listed = await listHotCommits(this.#layout.hot);
    mustBeFiles(segments.map(({ name }) => join(this.#layout.segments, name)));
    const unseen = listed.filter(seq => !this.#hot.includes(seq));
    mustBeFiles(unseen.map(seq => join(this.#layout.hot, seqName(seq), 'commit.parquet')));
    this.#segments = segments;
    // A commit that came while the folders were being read is already in `#hot`.
    this.#hot = [...new Set([...listed, ...this.#hot])].filter(seq => seq > this.compactedSeq).sort((a, b) => a - b);
    this.#tableFiles = new Map(
      this.#hot.map(seq => [seq, this.#tableFiles.get(seq) ?? countTableFiles(this.#layout, seq)]),
    );
    this.#version++;
    mustFollowEachOther(segments);
  }

  /** Reads the names of canonical tables again: at start, and where a daemon may change them. */
  async readNames(): Promise<void> {
    this.names = namesGivenBy(await this.tableOperations());
  }

  /** Records a commit in `hot/`: its last seq, its count of canonical tables' files, its keys. */
  noteCommit(lastSeq: number, tableFiles: number, keys: readonly string[]): void {
    for (const key of keys) this.#keys.add(hashOf(key));
    this.#tableFiles.set(lastSeq, tableFiles);
    // A reload may have seen the folder after its rename and before this call.
    if (!this.#hot.includes(lastSeq)) this.#hot.push(lastSeq);
  }

  /** Whether a key may be in a journal that is open for writing. {@link findKeys} is exact. */
  mayHave(key: string): boolean {
    return this.#keys.has(key);
  }

  /**
   * Checks that no commit is missing, and that all commits and segment footers can be read.
   *
   * @throws DaemonError `JOURNAL_DAMAGED`.
   */
  async check(): Promise<void> {
    const rows = await this.query<{ seq: bigint }>(
      'SELECT DISTINCT seq FROM _bus.hot_journal WHERE (SELECT count(*) FROM _bus.journal) >= 0',
    ).catch(error => {
      throw unreadable(error);
    });
    // The query also sees commits that a daemon made after the folders were listed.
    const found = rows.filter(({ seq }) => seq <= this.lastSeq).length;
    const missing = this.lastSeq - this.compactedSeq - found;
    if (missing !== 0)
      throw daemonError(
        'JOURNAL_DAMAGED',
        `journal/hot lacks ${missing} of the jobs ${this.compactedSeq + 1} to ${this.lastSeq}.`,
      );
  }

  /** Queries `_bus.journal` and `_bus.hot_journal`; a list of strings is the statement's `$1`. */
  async query<Row>(sql: string, list?: readonly string[]): Promise<Row[]> {
    const ask = () => this.#ask<Row>(sql, list);
    if (!this.#isBesideDaemon) return ask();
    return askUntilStill(
      ask,
      () => haveMoved(this.#layout.segments, this.#segments),
      () => this.reload(),
    );
  }

  async #ask<Row>(sql: string, list?: readonly string[]): Promise<Row[]> {
    const connection = await this.#connection();
    if (list === undefined) return query<Row>(connection, sql);
    const reader = await connection.runAndReadAll(sql, [listValue([...list])], [LIST(VARCHAR)]);
    return reader.getRowObjectsJS() as Row[];
  }

  /** Returns the private database, with views over the current files. */
  async #connection(): Promise<DuckDBConnection> {
    while (this.#viewsVersion !== this.#version) {
      this.#buildingViews ??= this.#buildViews().finally(() => {
        this.#buildingViews = undefined;
      });
      await this.#buildingViews;
    }
    return this.#database.connection;
  }

  /** A compaction that ends meanwhile makes the views old again. */
  async #buildViews(): Promise<void> {
    const version = this.#version;
    for (const statement of journalViewsAt(this.#layout, this.#position()))
      await this.#database.connection.run(statement);
    this.#viewsVersion = version;
  }

  async #loadKeys(): Promise<void> {
    const connection = await this.#connection();
    const reader = await connection.runAndReadAll(
      `SELECT ${hashSql('artifact_key')} FROM _bus.journal WHERE status = 'ingested'`,
    );
    const [hashes = []] = reader.getColumnsJS(); // columns, because objects for millions of rows would cost too much
    for (const hashed of hashes) this.#keys.add(hashed as number);
    const [turn] = await query<{ seq: bigint }>(connection, lastTurnQuery);
    this.lastTurn = Number(turn?.seq ?? 0);
    await this.readNames();
  }

  #position(): JournalSnapshot {
    return {
      seq: this.lastSeq,
      compactedSeq: this.compactedSeq,
      hotCommits: this.#hot,
      segments: this.#segments.map(segment => segment.name),
    };
  }
}

import { link, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { version as duckdbVersion } from '@duckdb/node-api';
import { daemonError, hintFor, locationOf } from '@quantbot/bus-format';
import { type CanonTable, shownName } from '@quantbot/bus-format/canon';
import { seqName } from '@quantbot/bus-format/journal';
import { hasRotted, listPublished, type PublishedDatabase, recordOf, writeRecord } from '@quantbot/bus-format/state';
import { version } from '@quantbot/bus-format/version';
import {
  assertOurs,
  type BusInfo,
  buildDatabase,
  publicSchema,
  type Snapshot,
  viewsForPeople,
} from '@quantbot/bus-format/views';
import type { WorkerProcess } from '@quantbot/duckdb-process';
import { ownExportFile } from '@quantbot/infra/config';
import {
  digestFile,
  faultPoint,
  makeFolderDurable,
  makingWay,
  syncFolder,
  systemErrorCode,
} from '@quantbot/infra/files';
import type { Bus } from '../bus.js';
import { type CheckedView, checkViews, viewsTable } from './own-views.js';
import { neededAfter, snapshotOf } from './snapshot.js';

/** The facts about the bus for its views. */
export const busInfo = (bus: Bus): BusInfo => ({
  busId: bus.marker.bus_id,
  dataRoot: dirname(bus.layout.root),
  exportDir: bus.config.export.exportDir,
  duckdbPath: bus.config.duckdbPath,
  daemonVersion: version,
  duckdbVersion: duckdbVersion(),
  publishedAt: new Date(bus.now()),
});

/** How often the database is compared with its checksum. */
const hashEveryMs = 60_000;

/**
 * Keeps `duckdb_path` published: a database of views only. A rename replaces it when the files
 * behind the views change (a compaction, a new table, a new column). Commits do not replace it, and
 * it is never opened for writing in place.
 */
export class Publisher {
  readonly #bus: Bus;
  /** Tries the configuration's SQL. */
  readonly #checker: WorkerProcess;
  #publishedTables: readonly CanonTable[] | undefined;
  /** Whether the published views know that artifacts were forgotten. */
  #knowsForgotten = false;
  #turn: Promise<void> = Promise.resolve();
  #problem: string | undefined;
  #viewProblems = '';
  #hashedAt = Number.NEGATIVE_INFINITY;

  constructor(bus: Bus) {
    this.#bus = bus;
    this.#checker = bus.inspector.another('views');
  }

  /**
   * Publishes if a table is new or has changed since the last publication, or if the first artifact
   * was forgotten.
   */
  async publishNewTables(): Promise<void> {
    const tables = this.#bus.tables.tables();
    const last = this.#publishedTables;
    if (last === tables && this.#knowsForgotten === this.#bus.journal.lastTurn > 0) return;
    await this.publish();
  }

  /** Publishes if the database is missing, or if it or its record is damaged. */
  async publishIfMissing(): Promise<void> {
    if (this.#problem !== undefined || (await this.#isHurt())) await this.publish();
  }

  async #isHurt(): Promise<boolean> {
    const { layout, config, elapsed } = this.#bus;
    const record = await recordOf(layout, config.duckdbPath);
    if (record === undefined) return true;
    if (elapsed() - this.#hashedAt < hashEveryMs) return false;
    this.#hashedAt = elapsed();
    return hasRotted(config.duckdbPath, record);
  }

  /**
   * Publishes the current state. One publication runs at a time. A failure is logged once and
   * retried at the next occasion. Ingestion continues.
   */
  publish(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#publish());
    return this.#turn;
  }

  /**
   * Like {@link publish}, but throws.
   *
   * @throws DaemonError `FOREIGN_DATABASE`, `CROSS_DEVICE`; system errors as they come.
   */
  async publishOrThrow(): Promise<void> {
    const current = this.#bus.tables.tables();
    await assertOurs(this.#bus);
    const snapshot = await snapshotOf(this.#bus);
    const made = await this.#build(snapshot);
    await this.#switchTo(made);
    this.#knowsForgotten = snapshot.hasForgotten === true;
    this.#publishedTables = current;
    this.#problem = undefined;
    this.#bus.logger.debug({ database: made.name, hotAfter: made.hotAfter }, 'database published');
  }

  async #publish(): Promise<void> {
    try {
      await this.publishOrThrow();
    } catch (error) {
      const { message } = error as Error;
      if (this.#problem !== message)
        this.#bus.logger.error(
          { err: error, hint: hintFor(error) },
          'the database could not be published; ingestion continues',
        );
      this.#problem = message;
    }
  }

  /** Whether the last attempt to publish has failed. */
  get hasFailed(): boolean {
    return this.#problem !== undefined;
  }

  /** Ends the process that tries the configuration's SQL. */
  close(): void {
    this.#checker.close();
  }

  async #build(snapshot: Snapshot): Promise<PublishedDatabase> {
    const bus = this.#bus;
    const name = `${seqName(snapshot.seq)}-${bus.newClaim()}`;
    const path = join(bus.layout.published, `${name}.duckdb`);
    const building = join(bus.layout.building, `${name}.duckdb`);
    const exportOf = (table: string) => ownExportFile(table, bus.config.export);
    const schemaFor = (location?: readonly string[]) =>
      publicSchema(bus.layout, snapshot, { mode: 'live' }, busInfo(bus), location, exportOf);
    const views = await checkViews(bus, this.#checker, schemaFor);
    await makeFolderDurable(dirname(bus.config.duckdbPath));
    const schema = schemaFor(locationOf(bus.config.duckdbPath));
    this.#reportViews(views);
    const tables = snapshot.tables.map(({ table }) => shownName(table));
    const configured = views.map(view => view.name);
    await buildDatabase(building, {
      schema: { ...schema, views: [...schema.views, viewsTable(views), ...viewsForPeople(tables, configured)] },
      configured: views.filter(({ problem }) => problem === null),
      before: await this.#before(),
      onProblem: (view, error) => bus.logger.error({ err: error, view: view.name }, 'a view could not be created'),
    });
    const { ino, size, mtimeMs } = await stat(building);
    const record: PublishedDatabase = {
      name,
      ino,
      size,
      mtimeMs,
      hotAfter: neededAfter(snapshot),
      segments: [...snapshot.segments],
      tables: Object.fromEntries(snapshot.tables.map(({ table, segments }) => [table.name, [...segments]])),
      supersededAt: null,
      sha256: (await digestFile(building)).sha256,
    };
    await writeRecord(bus.layout, record);
    await rename(building, path);
    await syncFolder(bus.layout.published);
    faultPoint('publish:built');
    return record;
  }

  /** Returns the currently published database, to start from. */
  async #before(): Promise<{ path: string; sha256: string } | undefined> {
    const { layout, config } = this.#bus;
    const { sha256 } = (await recordOf(layout, config.duckdbPath)) ?? {};
    return sha256 === undefined ? undefined : { path: config.duckdbPath, sha256 };
  }

  #reportViews(views: readonly CheckedView[]): void {
    const problems = views.flatMap(({ name, problem }) => (problem === null ? [] : [`${name}: ${problem}`]));
    if (problems.length > 0 && problems.join() !== this.#viewProblems)
      this.#bus.logger.warn({ problems }, 'views of publish.views could not be created; everything else is published');
    this.#viewProblems = problems.join();
  }

  async #switchTo(made: PublishedDatabase): Promise<void> {
    const { config, layout } = this.#bus;
    const folder = dirname(config.duckdbPath);
    // Not beside the target: a crash here must leave no file in a user's folder. `building/` is
    // emptied at each start.
    const second = join(layout.building, `link-${made.name}`);
    await link(join(layout.published, `${made.name}.duckdb`), second);
    faultPoint('publish:before-rename');
    await renameOnOneDevice(second, config.duckdbPath);
    faultPoint('publish:after-rename');
    await syncFolder(folder);
    for (const old of await listPublished(layout))
      if (old.name !== made.name && old.supersededAt === null)
        await writeRecord(layout, { ...old, supersededAt: this.#bus.now() });
  }
}

async function renameOnOneDevice(from: string, to: string): Promise<void> {
  try {
    await makingWay(to, () => rename(from, to));
  } catch (error) {
    if (systemErrorCode(error) !== 'EXDEV') throw error;
    throw daemonError('CROSS_DEVICE', `${to} and the bus root are on different file systems.`, { cause: error });
  }
}

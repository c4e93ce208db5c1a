import { chmod, link, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DuckDBInstance, version as duckdbVersion } from '@duckdb/node-api';
import { faultPoint, makeFolderDurable, syncFile, syncFolder, systemErrorCode } from '@quantbot/infra';
import type { Bus } from '../bus.js';
import { daemonError } from '../errors.js';
import { listSegments, seqName } from '../journal/files.js';
import { version } from '../version.js';
import { listPublished, type PublishedDatabase, writeRecord } from './published.js';
import { type BusInfo, type Snapshot, viewsAt } from './views.js';

/** Which files hold everything that is committed now. */
export async function snapshotOf(bus: Bus): Promise<Snapshot> {
  const { compactedSeq } = bus.journal;
  return {
    seq: bus.journal.lastSeq,
    compactedSeq,
    segments: bus.journal.segments.map(segment => segment.name),
    tables: await Promise.all(
      bus.tables.tables().map(async table => ({
        table,
        segments: (await listSegments(join(bus.layout.canon, table.name), compactedSeq)).live.map(
          segment => segment.name,
        ),
      })),
    ),
  };
}

/** What the views say of the bus itself. */
export const busInfo = (bus: Bus): BusInfo => ({
  busId: bus.marker.bus_id,
  dataRoot: dirname(bus.layout.root),
  exportDir: bus.config.export.exportDir,
  daemonVersion: version,
  duckdbVersion: duckdbVersion(),
  publishedAt: new Date(bus.now()),
});

/**
 * Keeps `duckdb_path` published: a database of views only, replaced by rename when the files behind the views change (a compaction, a new
 * table, a new column), never per commit and never opened for writing in place.
 */
export class Publisher {
  readonly #bus: Bus;
  #publishedShape: string | undefined;
  #turn: Promise<void> = Promise.resolve();
  #problem: Error | undefined;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** Why the last publication failed, if it did. Ingestion goes on without it. */
  get problem(): Error | undefined {
    return this.#problem;
  }

  /**
   * Publishes if the views have to change, or if the database is missing.
   * A database that the bus did not make is left alone: that is the one thing that publication refuses, again at each attempt.
   */
  publishIfNeeded(): Promise<void> {
    const turn = this.#turn.then(() => this.#publish());
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #publish(): Promise<void> {
    const bus = this.#bus;
    const snapshot = await snapshotOf(bus);
    const shape = JSON.stringify([snapshot.compactedSeq, snapshot.segments, snapshot.tables]);
    const there = await stat(bus.config.duckdbPath).catch(() => undefined);
    if (shape === this.#publishedShape && there !== undefined && this.#problem === undefined) return;
    try {
      await this.#checkOwn();
      const made = await this.#build(snapshot);
      await this.#switchTo(made);
      this.#publishedShape = shape;
      this.#problem = undefined;
      bus.logger.debug({ database: made.name, compactedSeq: snapshot.compactedSeq }, 'database published');
    } catch (error) {
      const known = this.#problem?.message === (error as Error).message;
      this.#problem = error as Error;
      if (!known)
        bus.logger.error(
          { err: error, hint: (error as { hint?: string }).hint },
          'the database could not be published; ingestion goes on',
        );
    }
  }

  /** What lies there must be what we published: the same file, unchanged, and nobody's WAL beside it. */
  async #checkOwn(): Promise<void> {
    const path = this.#bus.config.duckdbPath;
    const info = await stat(path).catch(ignoreMissing);
    const wal = await stat(`${path}.wal`).catch(ignoreMissing);
    if (info === undefined && wal === undefined) return;
    const ours = (await listPublished(this.#bus.layout)).find(
      p => p.ino === info?.ino && p.size === info?.size && p.mtimeMs === info?.mtimeMs,
    );
    if (ours !== undefined && wal === undefined) return;
    const what =
      wal !== undefined
        ? 'has a write-ahead log of another program beside it'
        : 'was not made by this bus, or was written into';
    throw daemonError('FOREIGN_DATABASE', `${path} ${what}; it is left as it is.`);
  }

  async #build(snapshot: Snapshot): Promise<PublishedDatabase> {
    const bus = this.#bus;
    const name = `${seqName(snapshot.seq)}-${bus.newClaim()}`;
    const path = join(bus.layout.published, `${name}.duckdb`);
    const building = join(bus.layout.building, `${name}.duckdb`);
    try {
      const instance = await DuckDBInstance.create(building, { threads: '1', memory_limit: '128MB' });
      const connection = await instance.connect();
      for (const statement of viewsAt(bus.layout, snapshot, { mode: 'live' }, busInfo(bus)))
        await connection.run(statement);
      await connection.run('CHECKPOINT');
      connection.closeSync();
      instance.closeSync();
      // Read-only, so that a client that opens it for writing by habit is refused instead of locking readers out.
      await chmod(building, 0o444);
      await syncFile(building);
    } catch (error) {
      await rm(building, { force: true });
      throw error;
    }
    const { ino, size, mtimeMs } = await stat(building);
    const record: PublishedDatabase = {
      name,
      ino,
      size,
      mtimeMs,
      hotAfter: snapshot.compactedSeq,
      segments: [...snapshot.segments],
      tables: Object.fromEntries(snapshot.tables.map(({ table, segments }) => [table.name, [...segments]])),
      supersededAt: null,
    };
    await writeRecord(bus.layout, record);
    await rename(building, path);
    await syncFolder(bus.layout.published);
    faultPoint('publish:built');
    return record;
  }

  async #switchTo(made: PublishedDatabase): Promise<void> {
    const { config, layout } = this.#bus;
    const folder = dirname(config.duckdbPath);
    const temporary = join(folder, `.${basename(config.duckdbPath)}.${made.name}.tmp`);
    await makeFolderDurable(folder);
    try {
      await link(join(layout.published, `${made.name}.duckdb`), temporary);
    } catch (error) {
      if (systemErrorCode(error) !== 'EXDEV') throw error;
      throw daemonError('CROSS_DEVICE', `${config.duckdbPath} and ${layout.root} are on different file systems.`, {
        cause: error,
      });
    }
    faultPoint('publish:before-rename');
    await rename(temporary, config.duckdbPath);
    faultPoint('publish:after-rename');
    await syncFolder(folder);
    for (const old of await listPublished(layout))
      if (old.name !== made.name && old.supersededAt === null)
        await writeRecord(layout, { ...old, supersededAt: this.#bus.now() });
  }
}

function ignoreMissing(error: unknown): undefined {
  if (systemErrorCode(error) !== 'ENOENT') throw error;
}

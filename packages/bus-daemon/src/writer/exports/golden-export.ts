import { hash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { sortTerm } from '@quantbot/bus-format';
import { shownName } from '@quantbot/bus-format/canon';
import { version } from '@quantbot/bus-format/version';
import { rowsViewsAt, type Snapshot, tableStreamed, viewsAt } from '@quantbot/bus-format/views';
import { type BulkWriter, exportMemoryMb, type SelectToWrite, writingMemoryMb } from '@quantbot/duckdb-process';
import type { BusConfig, ExportFileOptions } from '@quantbot/infra/config';
import { makeFolderDurable } from '@quantbot/infra/files';
import { foldersOfDaemon } from '@quantbot/storage/sandbox';
import type { Bus } from '../bus.js';
import { busInfo } from '../publish/publisher.js';
import { frozenHot } from '../publish/snapshot.js';
import { sourcesOf } from './sources.js';

/** One golden export: its source and its place. */
export interface GoldenExport {
  name: string;
  sql: string;
  /** Absolute path of the file, or of the dataset's folder. */
  path: string;
  /** True for SQL of the configuration, which can read only the bus's data. */
  untrusted: boolean;
  options: ExportFileOptions;
  /** The seq of the last commit that changed its source. */
  changedSeq: number;
  /** The last turn of its tables: rows left them, or came back. */
  turn: number;
  /** The canonical tables that it reads; undefined if unknown. */
  reads: readonly string[] | undefined;
  /** For a growing table: SQL for the rows from a commit on, in the order of commits. */
  sqlFrom?: (seq: number) => string;
  /** Names and types of the columns, if known beforehand. */
  columns: readonly { name: string; type: string }[];
}

/** The result of an export. */
export interface WrittenExport {
  rows: number;
  bytes: number;
  sha256: string | null;
  files: number;
}

/** The shared state of the functions that write an export. */
export interface ExportContext {
  bus: Bus;
  writer: BulkWriter;
  snapshot: Snapshot;
}

export const defaultOptions: ExportFileOptions = {
  compression: 'zstd',
  rowGroupRows: 122_880,
  sortBy: [],
  layout: 'file',
  partRows: 491_520,
  partitionBy: [],
};

/**
 * Returns what the options say about the files of an export. Earlier, the files of a partition did
 * not contain its columns, so a dataset of that time must be rebuilt.
 */
export const filesBy = (options: ExportFileOptions): object =>
  options.partitionBy.length === 0 ? options : { ...options, partitions: 'in the files' };

/**
 * Returns a hash of an export's definition. When it changes, the export is stale, and files of a
 * dataset cannot stay.
 */
export function definitionOf({ sql, options, columns, turn }: GoldenExport): string {
  const known = definitions.get(columns);
  const definition = known ?? hash('sha256', JSON.stringify([sql, filesBy(options), columns]));
  if (known === undefined) definitions.set(columns, definition);
  return turn === 0 ? definition : hash('sha256', `${definition} ${turn}`);
}

/** A cache by the list of columns, of which each definition of an export has its own. */
const definitions = new WeakMap<object, string>();

/** Returns a name beside an export that readers skip. */
export const unfinishedBeside = (path: string, claim: string): string =>
  join(dirname(path), `.${basename(path)}.${claim}.tmp`);

/**
 * Writes an export beside its place under a name that readers skip, lets `work` move it there, and
 * removes leftovers.
 */
export async function whileBuilding<T>(
  { bus }: ExportContext,
  { path }: GoldenExport,
  work: (building: string) => Promise<T>,
): Promise<T> {
  const building = unfinishedBeside(path, bus.newClaim());
  await makeFolderDurable(dirname(path));
  try {
    return await work(building);
  } finally {
    await rm(building, { recursive: true, force: true });
  }
}

/** A snapshot with some of its tables. Views cost time, and an export needs only its own. */
const withOnly = (snapshot: Snapshot, names: readonly string[] | undefined): Snapshot =>
  names === undefined
    ? snapshot
    : { ...snapshot, tables: snapshot.tables.filter(({ table }) => names.includes(table.name)) };

/** The terms of ORDER BY of an export, or an empty string. */
export const orderOf = ({ sortBy }: Pick<ExportFileOptions, 'sortBy'>): string =>
  sortBy.map(({ column, descending }) => `${sortTerm(column)}${descending ? ' DESC' : ''}`).join(', ');

/**
 * Returns the memory for an export (MB). That of a canonical table may take as much as compaction:
 * each file that was accepted can be exported, whatever the configuration says about exports.
 */
export const memoryFor = (config: BusConfig, untrusted: boolean): number =>
  untrusted ? exportMemoryMb(config) : Math.max(exportMemoryMb(config), writingMemoryMb(config.limits));

/**
 * Returns the worker's task for an export. The key-value metadata of the file identify it, also in
 * a copy.
 */
export async function selectOf(
  { bus, snapshot }: ExportContext,
  { name, sql, untrusted, options, reads }: GoldenExport,
  fromSeq = 0,
): Promise<SelectToWrite> {
  const { config, layout, marker, now } = bus;
  const orderBy = orderOf(options);
  const hot = await frozenHot(bus, snapshot);
  const read = withOnly(snapshot, reads);
  const [own] = untrusted ? [] : read.tables;
  return {
    setup: untrusted ? viewsAt(layout, snapshot, hot, busInfo(bus)) : rowsViewsAt(layout, read, hot),
    sql,
    untrusted,
    readable: foldersOfDaemon(layout, config.export.exportDir),
    file: {
      compression: options.compression,
      rowGroupRows: options.rowGroupRows,
      readBack: true,
      seal: {},
      ...(orderBy !== '' && { orderBy }),
      metadata: {
        'quantbot.bus_id': marker.bus_id,
        'quantbot.export': name,
        'quantbot.as_of_seq': String(snapshot.seq),
        'quantbot.sql': sql,
        'quantbot.exported_at': new Date(now()).toISOString(),
        'quantbot.daemon_version': version,
      },
    },
    memoryMb: memoryFor(config, untrusted),
    ...(own !== undefined && { streamed: () => tableStreamed(layout, read, own, { hot, fromSeq }) }),
    sources: sourcesOf(bus, read, hot, { fromSeq, untrusted }),
  };
}

/**
 * Whether a table of an export is missing in a snapshot, because an operation has changed it since
 * the export was due. If the table comes back, the export is due again.
 */
export function isMissingIn({ tables: shown }: Snapshot, item: GoldenExport, tables: Bus['tables']): boolean {
  if (!item.untrusted) return !shown.some(({ table }) => shownName(table) === item.name);
  const isShown = (name: string) => shown.some(({ table }) => table.name === name);
  return item.reads?.some(name => tables.get(name) !== undefined && !isShown(name)) ?? false;
}

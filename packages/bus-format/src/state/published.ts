import { chmod, lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { BusLayout } from '@quantbot/infra/bus';
import { digestFile, type Pace, readState, systemErrorCode, writeStateDurable } from '@quantbot/infra/files';
import * as z from 'zod';
import { openFault } from '../duckdb-fault.js';
import { ignoreMissing } from '../errors.js';

const recordSchema = z.strictObject({
  name: z.string(),
  ino: z.number(),
  size: z.number(),
  mtimeMs: z.number(),
  hotAfter: z.number(),
  segments: z.array(z.string()),
  tables: z.record(z.string(), z.array(z.string())),
  supersededAt: z.number().nullable(),
  /** SHA-256 of the database; absent in records of older versions. */
  sha256: z.string().optional(),
});

/**
 * The record `published/<name>.json` of a published database, beside its second link. It says how
 * to recognise the database, and which files its views need: segments by name, and every commit in
 * `hot/` after `hotAfter`.
 */
export type PublishedDatabase = z.infer<typeof recordSchema>;

const recordPath = (layout: BusLayout, name: string): string => join(layout.published, `${name}.json`);

/** Returns the path of a published database's second link. */
export const databasePath = (layout: BusLayout, name: string): string => join(layout.published, `${name}.duckdb`);

/**
 * Writes the record of a published database, before the database appears, so that every published
 * one has a record.
 */
export const writeRecord = (layout: BusLayout, record: PublishedDatabase): Promise<void> =>
  writeStateDurable(recordPath(layout, record.name), record, 0);

/** Reads the names of all records, and the content of undamaged ones. */
async function readRecords(layout: BusLayout): Promise<{ name: string; record: PublishedDatabase | undefined }[]> {
  const names = (await readdir(layout.published)).filter(name => name.endsWith('.json') && !name.startsWith('.'));
  return names.sort().map(file => {
    const name = file.slice(0, -'.json'.length);
    const record = readState(join(layout.published, file), recordSchema);
    return { name, record: typeof record === 'string' || record.name !== name ? undefined : record };
  });
}

/** Lists the readable records of all databases that a reader may still hold, oldest first. */
export async function listPublished(layout: BusLayout): Promise<PublishedDatabase[]> {
  const records = (await readRecords(layout)).flatMap(({ record }) => record ?? []);
  // Two databases can have the same seq (a compaction follows a commit), so names do not order
  // them.
  return records.sort((a, b) => a.mtimeMs - b.mtimeMs);
}

/** Lists damaged records: the files that their databases need are unknown. */
export const listDamagedRecords = async (layout: BusLayout): Promise<string[]> =>
  (await readRecords(layout)).flatMap(({ name, record }) => (record === undefined ? [name] : []));

/** Returns the record of the database at a path, if inode, size and time are unchanged. */
export async function recordOf(layout: BusLayout, path: string): Promise<PublishedDatabase | undefined> {
  const info = await stat(path).catch(ignoreMissing);
  return (await listPublished(layout)).find(
    ({ ino, size, mtimeMs }) => ino === info?.ino && size === info.size && mtimeMs === info.mtimeMs,
  );
}

/** Whether the bytes of a published database differ from its checksum. */
export async function hasRotted(path: string, { sha256 }: PublishedDatabase, pace?: Pace): Promise<boolean> {
  if (sha256 === undefined) return false;
  const found = await digestFile(path, pace).catch(error => {
    if (systemErrorCode(error) !== 'EISDIR') throw error;
    return undefined;
  });
  return found?.sha256 !== sha256;
}

/**
 * Whether a reader has a superseded database open. While a reader has it open, DuckDB refuses to
 * open it for writing. No new reader can come, because its public name now belongs to another file.
 */
export async function isHeldOpen(layout: BusLayout, { name }: Pick<PublishedDatabase, 'name'>): Promise<boolean> {
  const path = databasePath(layout, name);
  if (!(await lstat(path)).isFile()) return false;
  await chmod(path, 0o644); // opening for writing fails otherwise, except for root
  try {
    const instance = await DuckDBInstance.create(path, { threads: '1', memory_limit: '64MB' });
    instance.closeSync();
    return false;
  } catch (error) {
    const fault = openFault(error);
    // DuckDB takes the lock before it reads, so no reader holds a file that it reports as damaged.
    if (fault === 'locked' || fault === 'invalid') return fault === 'locked';
    throw error;
  }
}

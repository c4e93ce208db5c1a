import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BusLayout } from '@quantbot/infra/bus';
import { exists, makeFolderDurable, readState, writeStateDurable } from '@quantbot/infra/files';
import * as z from 'zod';
import { daemonError } from '../errors.js';

/** Identifies a file and its state, to detect that it was replaced or changed. */
export interface FileIdentity {
  ino: number;
  size: number;
  mtimeMs: number;
}

/** Whether two identities describe the same file in the same state. */
export const isSameFile = (a: FileIdentity, b: FileIdentity): boolean =>
  a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs;

const columnSchema = z.object({
  name: z.string(),
  type: z.string(),
  canonName: z.string(),
  fileType: z.string(),
  canonType: z.string(),
  expression: z.string(),
  restored: z.string(),
  checked: z.string().optional(),
  isJson: z.boolean().optional(),
});

const tableSchema = z.object({
  schema: z.string(),
  table: z.string(),
  canon: z.string(),
  kind: z.string(),
  columns: z.array(columnSchema),
  rows: z.number(),
  /** The hash that the rows of the canonical table must have. */
  hash: z.string(),
});

const recordSchema = z.object({
  id: z.string(),
  source: z.string(),
  ino: z.number(),
  size: z.number(),
  mtimeMs: z.number(),
  phase: z.enum(['copying', 'submitting', 'ingested', 'switching', 'done']),
  tables: z.array(tableSchema),
  backup: z.string().nullable(),
  startedAt: z.string(),
});

/**
 * An adoption in progress or done, as stored in `bus/adoptions/<id>.json`.
 *
 * Phases: copying (tables become files) → submitting (the job may be in the bus) → ingested (it is
 * in the bus) → switching (the old database has its second name; the daemon may replace the first)
 * → done. A database that is not at `duckdb_path` goes from ingested to done.
 */
export type AdoptionRecord = z.infer<typeof recordSchema>;

/** A table that was copied. */
export type AdoptedTable = z.infer<typeof tableSchema>;

const folderOf = (layout: BusLayout): string => join(layout.root, 'adoptions');

/** Returns the folder of an adoption's files before they are submitted. */
export const workFolderOf = (layout: BusLayout, id: string): string => join(folderOf(layout), id);

/** Writes a record durably. */
export async function writeAdoptionRecord(layout: BusLayout, record: AdoptionRecord): Promise<void> {
  await makeFolderDurable(folderOf(layout));
  await writeStateDurable(join(folderOf(layout), `${record.id}.json`), record);
}

/**
 * Returns the records of a bus, oldest first; none if there is no bus.
 *
 * @throws DaemonError `FILE_DAMAGED` naming a damaged record.
 */
export async function listRecords(layout: BusLayout): Promise<AdoptionRecord[]> {
  const { records, damaged } = await readRecords(layout);
  const [path] = damaged;
  if (path !== undefined)
    throw daemonError('FILE_DAMAGED', `${path}, the record of an adoption, is damaged.`, {
      hint: `Restore it from a backup. Without one, run \`quantbot-bus compare TABLE FILE\` to see which rows the bus has. If it has them all or none, \`mv ${path} ${path}.damaged\` and adopt again.`,
    });
  return records;
}

/** Returns the paths of damaged records. */
export const listDamagedAdoptions = async (layout: BusLayout): Promise<string[]> => (await readRecords(layout)).damaged;

async function readRecords(layout: BusLayout): Promise<{ records: AdoptionRecord[]; damaged: string[] }> {
  const folder = folderOf(layout);
  const names = (await exists(folder)) ? await readdir(folder) : [];
  const records: AdoptionRecord[] = [];
  const damaged: string[] = [];
  for (const name of names.filter(file => file.endsWith('.json') && !file.startsWith('.'))) {
    const record = readState(join(folder, name), recordSchema);
    if (record === 'damaged') damaged.push(join(folder, name));
    else if (record !== 'missing') records.push(record);
  }
  return { records: records.sort((a, b) => (a.startedAt < b.startedAt ? -1 : 1)), damaged };
}

/** Removes the record of an adoption that submitted nothing. */
export async function forgetRecord(layout: BusLayout, { id }: AdoptionRecord): Promise<void> {
  await rm(workFolderOf(layout, id), { recursive: true, force: true });
  await rm(join(folderOf(layout), `${id}.json`), { force: true });
}

/** Whether the daemon may replace this file: its rows are in the bus, and it has a second name. */
export async function isBeingReplaced(layout: BusLayout, path: string, file: FileIdentity): Promise<boolean> {
  for (const record of (await readRecords(layout)).records)
    if (record.phase === 'switching' && record.source === path && isSameFile(record, file) && record.backup !== null)
      return exists(record.backup);
  return false;
}

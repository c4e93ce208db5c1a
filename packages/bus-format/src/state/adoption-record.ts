import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type BusLayout, exists, makeFolderDurable, writeFileDurable } from '@quantbot/infra';
import { z } from 'zod';

/** What tells whether a file is still the one that was looked at. */
export interface FileIdentity {
  ino: number;
  size: number;
  mtimeMs: number;
}

/** Whether two identities are of one file in one state. */
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
  /** Of the old table's rows, as the canonical table must have them. */
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
 * An adoption under way or done, as `bus/adoptions/<id>.json` keeps it.
 *
 * Phases: copying (tables become files) → submitting (the job may be in the bus) → ingested (it is)
 * → switching (the old database has its second name; the daemon may replace the first) → done. A
 * database that is not at `duckdb_path` goes from ingested to done.
 */
export type AdoptionRecord = z.infer<typeof recordSchema>;

/** A table that was copied. */
export type AdoptedTable = z.infer<typeof tableSchema>;

const folderOf = (layout: BusLayout): string => join(layout.root, 'adoptions');

/** Where the files of an adoption are before they are submitted. */
export const workFolderOf = (layout: BusLayout, id: string): string => join(folderOf(layout), id);

/** Writes a record, durable. */
export async function writeAdoptionRecord(layout: BusLayout, record: AdoptionRecord): Promise<void> {
  await makeFolderDurable(folderOf(layout));
  await writeFileDurable(join(folderOf(layout), `${record.id}.json`), `${JSON.stringify(record, null, 2)}\n`);
}

/** The records of a bus, oldest first; none where there is no bus. */
export async function listRecords(layout: BusLayout): Promise<AdoptionRecord[]> {
  const folder = folderOf(layout);
  if (!(await exists(folder))) return [];
  const names = (await readdir(folder)).filter(name => name.endsWith('.json') && !name.startsWith('.'));
  const records = await Promise.all(
    names.map(async name => recordSchema.parse(JSON.parse(await readFile(join(folder, name), 'utf8')))),
  );
  return records.sort((a, b) => (a.startedAt < b.startedAt ? -1 : 1));
}

/** Forgets an adoption of which nothing was submitted. */
export async function forgetRecord(layout: BusLayout, { id }: AdoptionRecord): Promise<void> {
  await rm(workFolderOf(layout, id), { recursive: true, force: true });
  await rm(join(folderOf(layout), `${id}.json`), { force: true });
}

/**
 * Whether the daemon may replace this file: its rows are in the bus, and it keeps a second name
 * beside.
 */
export async function isBeingReplaced(layout: BusLayout, path: string, file: FileIdentity): Promise<boolean> {
  for (const record of await listRecords(layout))
    if (record.phase === 'switching' && record.source === path && isSameFile(record, file) && record.backup !== null)
      return exists(record.backup);
  return false;
}

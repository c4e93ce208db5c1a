import { chmod, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { type BusLayout, writeFileDurable } from '@quantbot/infra';
import { z } from 'zod';
import { isLockConflict } from '../guard.js';

const recordSchema = z.object({
  name: z.string(),
  ino: z.number(),
  size: z.number(),
  mtimeMs: z.number(),
  hotAfter: z.number(),
  segments: z.array(z.string()),
  tables: z.record(z.string(), z.array(z.string())),
  supersededAt: z.number().nullable(),
});

/**
 * One database that was published, as `published/<name>.json` beside its second link says: how to recognise it, and what its views refer to
 * (segments by name, and every commit in `hot/` after `hotAfter`).
 */
export type PublishedDatabase = z.infer<typeof recordSchema>;

/** Writes the record of a published database; it is there before the database is, so that nothing published is ever without one. */
export const writeRecord = (layout: BusLayout, record: PublishedDatabase): Promise<void> =>
  writeFileDurable(join(layout.published, `${record.name}.json`), `${JSON.stringify(record)}\n`);

/** The records of all databases that somebody may still hold, oldest first. */
export async function listPublished(layout: BusLayout): Promise<PublishedDatabase[]> {
  const records: PublishedDatabase[] = [];
  for (const name of (await readdir(layout.published)).sort()) {
    if (!name.endsWith('.json') || name.startsWith('.')) continue;
    records.push(recordSchema.parse(JSON.parse(await readFile(join(layout.published, name), 'utf8'))));
  }
  // Two can be of one seq (a compaction follows a commit), so their names alone do not tell.
  return records.sort((a, b) => a.mtimeMs - b.mtimeMs);
}

/**
 * Whether a reader has a superseded database open: its own lock tells. While anybody reads, opening it for writing is refused; nobody
 * new can come to it, because its public name is another file's by now.
 */
export async function isHeldOpen(layout: BusLayout, record: PublishedDatabase): Promise<boolean> {
  const path = join(layout.published, `${record.name}.duckdb`);
  await chmod(path, 0o644); // else whoever is not root could not even try
  try {
    const instance = await DuckDBInstance.create(path, { threads: '1', memory_limit: '64MB' });
    instance.closeSync();
    return false;
  } catch (error) {
    if (isLockConflict(error)) return true;
    throw error;
  }
}

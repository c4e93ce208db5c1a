import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode, writeFileAtomic } from '@quantbot/infra';
import { z } from 'zod';

/** The file in the export folder with the outcome of each export. */
export const exportStatusFile = '_export_status.json';

const entrySchema = z.object({
  ok: z.boolean(),
  path: z.string(),
  rows: z.number().nullable(),
  bytes: z.number().nullable(),
  /** SHA-256 of a file; null for a dataset. */
  sha256: z.string().nullable(),
  /** Files of a dataset; 1 for a file. */
  files: z.number().nullable().default(null),
  as_of_seq: z.number(),
  /** A hash of its definition: SQL, settings, columns. */
  definition: z.string().nullable().default(null),
  started_at: z.string(),
  duration_ms: z.number(),
  error: z.string().nullable(),
});

/**
 * The outcome of an export's last run. After a failure, rows, bytes, sha256 and as_of_seq are those
 * of the last good file.
 */
export type ExportEntry = z.infer<typeof entrySchema>;

const statusSchema = z.object({
  updated_at: z.string(),
  /** The last operator's request that was served. */
  served_seq: z.number().default(0),
  exports: z.record(z.string(), entrySchema),
});

/** What `_export_status.json` holds. */
export type ExportStatus = z.infer<typeof statusSchema>;

/** Reads the status; a missing or damaged one reads as empty, so that every export runs again. */
export async function readExportStatus(exportDir: string): Promise<ExportStatus> {
  const empty: ExportStatus = { updated_at: new Date(0).toISOString(), served_seq: 0, exports: {} };
  try {
    return statusSchema.safeParse(JSON.parse(await readFile(join(exportDir, exportStatusFile), 'utf8'))).data ?? empty;
  } catch (error) {
    if (error instanceof SyntaxError || systemErrorCode(error) === 'ENOENT') return empty;
    throw error;
  }
}

/** Replaces the status file as a whole. */
export const writeExportStatus = (exportDir: string, status: ExportStatus): void =>
  writeFileAtomic(join(exportDir, exportStatusFile), `${JSON.stringify(status, null, 2)}\n`);

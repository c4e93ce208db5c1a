import { join } from 'node:path';
import { parseState, readState, writeState } from '@quantbot/infra/files';
import * as z from 'zod';

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

/** The schema of `_export_status.json`. */
export const exportStatusSchema = z.object({
  updated_at: z.string(),
  /** The seq of the last operator's request that was served. */
  served_seq: z.number().default(0),
  exports: z.record(z.string(), entrySchema),
});

/** The content of `_export_status.json`. */
export type ExportStatus = z.infer<typeof exportStatusSchema>;

/** Reads the status; a missing or damaged one reads as empty, so that every export runs again. */
export async function readExportStatus(exportDir: string): Promise<ExportStatus> {
  const status = readState(join(exportDir, exportStatusFile), exportStatusSchema);
  return typeof status === 'string' ? { updated_at: new Date(0).toISOString(), served_seq: 0, exports: {} } : status;
}

/** Whether a text is a status as it was written. */
export const isExportStatus = (text: string): boolean => parseState(text, exportStatusSchema) !== undefined;

/** Whether the status file is as it was written. */
export function checkExportStatus(exportDir: string): 'sound' | 'missing' | 'damaged' {
  const status = readState(join(exportDir, exportStatusFile), exportStatusSchema);
  return typeof status === 'string' ? status : 'sound';
}

/** Replaces the status file as a whole. */
export const writeExportStatus = (exportDir: string, status: ExportStatus): void =>
  writeState(join(exportDir, exportStatusFile), status);

import { join } from 'node:path';
import * as z from 'zod';
import { foldName } from '../parquet/columns.js';
import { tableName } from './parts.js';

/** How an export is written. */
const exportFileOptions = {
  compression: z
    .enum(['zstd', 'snappy', 'gzip', 'lz4', 'uncompressed'])
    .default('zstd')
    .describe('Compression of the pages of the file.'),
  row_group_rows: z
    .number()
    .int()
    .min(2048)
    .max(10_000_000)
    .default(122_880)
    .describe('Rows of a row group, which a reader skips or reads as a whole.'),
  sort_by: z
    .array(z.string().regex(/^[^ ](.*[^ ])?( (asc|desc))?$/i, 'must be a column, with ASC or DESC behind it if wanted'))
    .default([])
    .describe('Columns that order the rows, each optionally followed by ASC or DESC.'),
  layout: z
    .enum(['file', 'dataset'])
    .default('file')
    .describe('One file, or a folder of files. For an `append` table, only new rows are written to a folder.'),
  part_rows: z
    .number()
    .int()
    .min(1)
    .max(1_000_000_000)
    .default(491_520)
    .describe('After this many rows, a dataset begins a new file. Until then, the last file is rewritten.'),
  partition_by: z
    .array(z.string().min(1))
    .default([])
    .describe('Columns whose values become folders (`column-value`) of a dataset.'),
};

type ExportFileSettings = z.infer<z.ZodObject<typeof exportFileOptions>>;

/**
 * Refuses settings of a dataset for a single file, and sorting by a partition column, which has one
 * value in a file.
 */
function checkLayout({ layout, partition_by, sort_by }: ExportFileSettings, context: z.RefinementCtx): void {
  const fail = (message: string) => context.addIssue({ code: 'custom', path: ['partition_by'], message });
  if (layout === 'file' && partition_by.length > 0) fail('only a dataset has partitions: say "layout": "dataset"');
  const names = partition_by.map(foldName);
  if (new Set(names).size < names.length) fail('a column appears twice');
  const sorted = sort_by.map(text => foldName(text.replace(/ (asc|desc)$/i, '')));
  for (const name of names)
    if (sorted.includes(name)) fail(`${name} is the same in all rows of a file; it cannot sort them`);
}

/** The settings of a canonical table's own export. */
export const tableExportSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Whether the table is exported.'),
    ...exportFileOptions,
  })
  .superRefine(checkLayout);

/** An export that the configuration names: a SELECT over the bus's data, written as Parquet. */
export const exportJobSchema = z
  .strictObject({
    name: tableName.describe('Names the export in `_export_status.json`.'),
    sql: z.string().min(1).describe('Exactly one SELECT over `canon.*` and `catalog.*`.'),
    path: z
      .string()
      .min(1)
      .optional()
      .describe('Its place below export_dir. The default is `<name>.parquet`, or `<name>` for a dataset.'),
    ...exportFileOptions,
  })
  .superRefine(checkLayout);

/** One export of the configuration, its path resolved. */
export interface ExportJob {
  name: string;
  sql: string;
  /** Absolute path of the file, or of the dataset's folder. */
  path: string;
  options: ExportFileOptions;
}

/** How an export is written. */
export interface ExportFileOptions {
  compression: 'zstd' | 'snappy' | 'gzip' | 'lz4' | 'uncompressed';
  rowGroupRows: number;
  /** Columns that order the rows. Empty: the order of the SELECT or table. */
  sortBy: { column: string; descending: boolean }[];
  /** One file, or a folder of files. */
  layout: 'file' | 'dataset';
  /** Dataset only: rows after which a new file begins. */
  partRows: number;
  /** Dataset only: columns whose values become folders. */
  partitionBy: string[];
}

/**
 * Returns whether an export of the configuration takes the place of a canonical table's own export:
 * it has the table's name or its path. Otherwise a producer could replace the export by creating a
 * table. Case does not count.
 */
export function isReplaced(
  table: string,
  {
    exportDir,
    jobs,
    tables,
  }: { exportDir: string; jobs: readonly ExportJob[]; tables: Record<string, ExportFileOptions> },
): boolean {
  const own = ownExportPath(exportDir, table, tables[table]).toLowerCase();
  return jobs.some(({ name, path }) => name.toLowerCase() === table || path.toLowerCase() === own);
}

/** Returns the path of a canonical table's own export. */
export const ownExportPath = (exportDir: string, table: string, options?: Pick<ExportFileOptions, 'layout'>): string =>
  join(exportDir, options?.layout === 'dataset' ? table : `${table}.parquet`);

/**
 * Returns the path of a canonical table's own export; undefined if it is switched off, a dataset,
 * or replaced.
 */
export function ownExportFile(
  table: string,
  config: {
    enabled: boolean;
    exportDir: string;
    jobs: readonly ExportJob[];
    tables: Record<string, ExportFileOptions & { enabled: boolean }>;
  },
): string | undefined {
  const own = config.tables[table];
  const isOff = !config.enabled || own?.enabled === false || own?.layout === 'dataset';
  return isOff || isReplaced(table, config) ? undefined : ownExportPath(config.exportDir, table);
}

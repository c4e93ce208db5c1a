import { z } from 'zod';
import { hookSchema, type NotifyHook } from './notify.js';

const seconds = z.number().positive().max(86_400);
const tableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, 'must be a plain identifier of at most 63 characters');

/** Of a list of things with names: each name may be there once. */
function tellTwice(names: readonly string[], context: z.RefinementCtx): void {
  for (const [index, name] of names.entries())
    if (names.indexOf(name) < index)
      context.addIssue({ code: 'custom', path: [index, 'name'], message: `is there twice: ${name}` });
}

/** How an export is written. */
const exportFileOptions = {
  compression: z
    .enum(['zstd', 'snappy', 'gzip', 'lz4', 'uncompressed'])
    .default('zstd')
    .describe('How the pages of the file are compressed.'),
  row_group_rows: z
    .number()
    .int()
    .min(2048)
    .max(10_000_000)
    .default(122_880)
    .describe('Rows of a row group: what a reader skips or reads as a whole.'),
  sort_by: z
    .array(z.string().regex(/^[^ ](.*[^ ])?( (asc|desc))?$/i, 'must be a column, with ASC or DESC behind it if wanted'))
    .default([])
    .describe('Columns that order the rows, each with ASC or DESC behind it if wanted.'),
  layout: z
    .enum(['file', 'dataset'])
    .default('file')
    .describe('One file, or a folder of files; of an `append` table a folder gets only what is new.'),
  part_rows: z
    .number()
    .int()
    .min(1)
    .max(1_000_000_000)
    .default(491_520)
    .describe('Rows after which a dataset begins a new file; the last file is written again until then.'),
  partition_by: z
    .array(z.string().min(1))
    .default([])
    .describe('Columns whose values become folders (`column=value`) of a dataset.'),
};

type ExportFileSettings = z.infer<z.ZodObject<typeof exportFileOptions>>;

/** Settings of a dataset do not go with one file, and a column that names a folder is not in the files to sort by. */
function checkLayout({ layout, partition_by, sort_by }: ExportFileSettings, context: z.RefinementCtx): void {
  const fail = (message: string) => context.addIssue({ code: 'custom', path: ['partition_by'], message });
  if (layout === 'file' && partition_by.length > 0) fail('only a dataset has partitions: say "layout": "dataset"');
  const names = partition_by.map(name => name.toLowerCase());
  if (new Set(names).size < names.length) fail('a column is there twice');
  const sorted = sort_by.map(text => text.replace(/ (asc|desc)$/i, '').toLowerCase());
  for (const name of names)
    if (sorted.includes(name)) fail(`${name} is the same in all rows of a file; it cannot sort them`);
}

/** What the configuration says of the export that a canonical table has anyway. */
const tableExportSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Whether the table is exported at all.'),
    ...exportFileOptions,
  })
  .superRefine(checkLayout);

/** An export that the configuration names: a SELECT over the bus's data, written as Parquet. */
const exportJobSchema = z
  .strictObject({
    name: tableName.describe('Names the export in `_export_status.json`.'),
    sql: z.string().min(1).describe('Exactly one SELECT over `canon.*` and `catalog.*`.'),
    path: z
      .string()
      .min(1)
      .optional()
      .describe('Where it goes, below export_dir; `<name>.parquet` when absent, `<name>` for a dataset.'),
    ...exportFileOptions,
  })
  .superRefine(checkLayout);

const scalarTypes =
  'TINYINT|SMALLINT|INTEGER|BIGINT|UTINYINT|USMALLINT|UINTEGER|UBIGINT|FLOAT|DOUBLE|BOOLEAN|VARCHAR|BLOB|UUID|DATE|TIME|TIMESTAMP|TIMESTAMP WITH TIME ZONE|DECIMAL\\([0-9]{1,2},[0-9]{1,2}\\)';
const columnType = z
  .string()
  .transform(type =>
    type
      .toUpperCase()
      .replace(/\s*([(),])\s*/g, '$1')
      .replace(/^TIMESTAMPTZ\b/, 'TIMESTAMP WITH TIME ZONE'),
  )
  .refine(
    type => new RegExp(`^(${scalarTypes})(\\[\\])*$`).test(type),
    'must be a scalar type of DuckDB, or a list of one',
  );
const columnName = z.string().min(1).max(255);

/** What the configuration says of a canonical table. */
const tableSchema = z
  .strictObject({
    mode: z
      .enum(['append', 'latest', 'upsert'])
      .default('append')
      .describe('`append`: all rows. `latest`: those of the newest job. `upsert`: the newest row of each key.'),
    key: z.array(columnName).min(1).optional().describe('The columns that identify a row (`upsert` only).'),
    order_by: z
      .array(columnName)
      .min(1)
      .optional()
      .describe(
        'The columns by which one row of a key is newer than another (`upsert` only); then the order of commits.',
      ),
    columns: z
      .record(
        columnName,
        z.strictObject({
          type: columnType.describe('Its type; files whose values all fit are taken.'),
          not_null: z.boolean().default(false).describe('Whether every file must have it, and no NULL in it.'),
        }),
      )
      .prefault({})
      .describe('Columns that are there from the beginning; files may bring others.'),
  })
  .superRefine((table, context) => {
    const isUpsert = table.mode === 'upsert';
    const declared = Object.keys(table.columns);
    for (const name of ['key', 'order_by'] as const)
      for (const column of declared.length > 0 ? (table[name] ?? []) : [])
        if (!declared.includes(column))
          context.addIssue({ code: 'custom', path: [name], message: `${column} is not among the columns` });
    if (isUpsert && table.key === undefined)
      context.addIssue({ code: 'custom', path: ['key'], message: 'an upsert table needs a key' });
    for (const name of ['key', 'order_by'] as const)
      if (!isUpsert && table[name] !== undefined)
        context.addIssue({
          code: 'custom',
          path: [name],
          message: `only an upsert table has it, and this is ${table.mode}`,
        });
  });

/** A view that the published database has besides the bus's own. */
const viewSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[^.]{1,100}\.[\s\S]{1,200}$/, 'must be a schema and a name, such as main.trades')
    .refine(name => !/^(_bus|_rows|catalog)\./i.test(name), "is in a schema that is the bus's own")
    .describe('Schema and name: `main.trades`.'),
  sql: z.string().min(1).describe('Exactly one SELECT over `canon.*`, `catalog.*` and the views before.'),
});

/** A line chart on the dashboard. */
const chartSchema = z.strictObject({
  title: z.string().min(1).max(200).describe('What stands over it.'),
  sql: z
    .string()
    .min(1)
    .describe(
      'Exactly one SELECT over `canon.*` and `catalog.*`: the first column is x, the second y, a third names the line.',
    ),
});

/** The schema of `bus_config.json`. Every setting has a default, so `{}` is a whole configuration. */
export const configSchema = z.strictObject({
  bus_root: z.string().min(1).default('data/bus').describe("The bus's own folder."),
  duckdb_path: z.string().min(1).default('data/alerts.duckdb').describe('The published database, which readers open.'),
  poll_interval_s: seconds
    .default(1)
    .describe('How often the inbox is scanned in full, besides the file system events.'),
  lock_timeout_s: z
    .number()
    .nonnegative()
    .max(86_400)
    .default(10)
    .describe('How long a second daemon waits for the first.'),
  log_level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('How much is logged.'),
  batch: z
    .strictObject({
      max_jobs: z.number().int().min(1).max(10_000).default(64).describe('Jobs that share one commit, at most.'),
      max_bytes: z
        .number()
        .int()
        .min(1)
        .default(268_435_456)
        .describe(
          'Bytes of artifacts that share one commit; a job with more than a quarter of it may be overtaken by others.',
        ),
    })
    .prefault({})
    .describe('How much goes into one commit.'),
  limits: z
    .strictObject({
      max_artifact_bytes: z.number().int().min(1).default(1_099_511_627_776).describe('Size of one artifact.'),
      max_columns: z.number().int().min(1).default(2000).describe('Columns of one artifact.'),
    })
    .prefault({})
    .describe('What a job may bring.'),
  canon: z
    .strictObject({
      auto_register: z
        .boolean()
        .default(true)
        .describe('A `canon.<table>` never seen becomes a table; else it is rejected.'),
      tables: z
        .record(tableName, tableSchema)
        .superRefine((tables, context) => {
          const names = Object.keys(tables).map(name => name.toLowerCase());
          for (const [index, name] of Object.keys(tables).entries())
            if (names.indexOf(name.toLowerCase()) < index)
              context.addIssue({ code: 'custom', path: [name], message: 'is there twice (case does not count)' });
        })
        .prefault({})
        .describe('What is known of canonical tables beforehand.'),
    })
    .prefault({})
    .describe('Canonical tables.'),
  catalog: z
    .strictObject({
      content_hash: z
        .boolean()
        .default(false)
        .describe('Whether each artifact gets a hash of its rows, which their order and the encoding do not change.'),
    })
    .prefault({})
    .describe('What the catalog knows of artifacts.'),
  compaction: z
    .strictObject({
      hot_commits: z
        .number()
        .int()
        .min(2)
        .max(10_000)
        .default(48)
        .describe('Commits that are kept as single files before they are merged.'),
      idle_s: seconds.default(30).describe('After this long without a commit, fewer commits are merged too.'),
      release_grace_s: z
        .number()
        .nonnegative()
        .max(86_400)
        .default(10)
        .describe('What a superseded database refers to is kept at least this long.'),
    })
    .prefault({})
    .describe('Background merging of small files.'),
  export: z
    .strictObject({
      enabled: z.boolean().default(true).describe('Whether exports are made at all.'),
      export_dir: z.string().min(1).default('data/exports').describe('Where golden exports go.'),
      min_interval_s: z.number().nonnegative().max(86_400).default(1).describe('An export runs at most this often.'),
      timeout_s: seconds.default(600).describe('An export that takes longer is stopped; its last good file stays.'),
      memory_limit_mb: z.number().int().min(64).default(1024).describe('Memory of the process that exports.'),
      jobs: z
        .array(exportJobSchema)
        .default([])
        .superRefine((jobs, context) => {
          tellTwice(
            jobs.map(({ name }) => name),
            context,
          );
        })
        .describe('Exports besides the one of each canonical table.'),
      tables: z
        .record(tableName, tableExportSchema)
        .prefault({})
        .describe('How canonical tables are exported, by their names.'),
    })
    .prefault({})
    .describe('Golden exports.'),
  publish: z
    .strictObject({
      views: z
        .array(viewSchema)
        .default([])
        .superRefine((views, context) => {
          tellTwice(
            views.map(({ name }) => name.toLowerCase()),
            context,
          );
        })
        .describe('Views of your own in the published database, in this order.'),
    })
    .prefault({})
    .describe('What is published.'),
  http: z
    .strictObject({
      listen: z
        .string()
        .regex(/^(\[[0-9A-Fa-f:.]+\]|[^\s:/[\]]+):\d{1,5}$/, 'must be a host and a port, such as 127.0.0.1:7171')
        .refine(text => Number(/\d+$/.exec(text)?.[0]) <= 65_535, 'has a port beyond 65535')
        .nullable()
        .default(null)
        .describe('Where the dashboard, its API, metrics and health checks are served; null: nowhere.'),
      token_file: z
        .string()
        .min(1)
        .nullable()
        .default(null)
        .describe('A file with the token that callers must have; needed for an address that other machines reach.'),
      allowed_hosts: z
        .array(z.string().regex(/^[A-Za-z0-9.-]+(:\d{1,5})?$/, 'must be a host name, with a port if wanted'))
        .default([])
        .describe('Host names besides localhost and addresses under which callers may come.'),
      charts: z.array(chartSchema).max(24).default([]).describe('Line charts of your own data on the dashboard.'),
    })
    .prefault({})
    .describe('The dashboard, its API, metrics and health checks.'),
  notify: z
    .array(hookSchema)
    .max(50)
    .default([])
    .superRefine((hooks, context) => {
      tellTwice(
        hooks.map(({ name }) => name),
        context,
      );
    })
    .describe('Commands and webhooks that are told of rejections, failed exports and pauses.'),
});

/** `bus_config.json` with its defaults filled in. */
export type ConfigFile = z.infer<typeof configSchema>;

/** A canonical table that the configuration declares. */
export interface DeclaredTable {
  /** In lower case. */
  name: string;
  mode: 'append' | 'latest' | 'upsert';
  /** Of `upsert`: the columns that identify a row; empty otherwise. */
  key: string[];
  /** Of `upsert`: the columns by which a row is newer than another, before the order of commits. */
  orderBy: string[];
  columns: { name: string; type: string; notNull: boolean }[];
}

/** A view of the published database that the configuration names. */
export interface ConfiguredView {
  /** `schema.view`; what stands behind the first dot is the view's own name. */
  name: string;
  /** One SELECT. */
  sql: string;
}

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
  /** Columns that order the rows; empty: as the SELECT, or the table, has them. */
  sortBy: { column: string; descending: boolean }[];
  /** One file, or a folder of files. */
  layout: 'file' | 'dataset';
  /** Of a dataset: rows after which a new file begins. */
  partRows: number;
  /** Of a dataset: columns whose values become folders. */
  partitionBy: string[];
}

/** The configuration as programs use it: every path absolute, every setting there, units in the names. */
export interface BusConfig {
  busRoot: string;
  duckdbPath: string;
  pollIntervalMs: number;
  lockTimeoutMs: number;
  logLevel: ConfigFile['log_level'];
  batch: { maxJobs: number; maxBytes: number };
  limits: { maxArtifactBytes: number; maxColumns: number };
  canon: { autoRegister: boolean; tables: DeclaredTable[] };
  catalog: { contentHash: boolean };
  compaction: { hotCommits: number; idleMs: number; releaseGraceMs: number };
  export: {
    enabled: boolean;
    exportDir: string;
    minIntervalMs: number;
    timeoutMs: number;
    memoryLimitMb: number;
    jobs: ExportJob[];
    /** By the names of canonical tables, in lower case. */
    tables: Record<string, ExportFileOptions & { enabled: boolean }>;
  };
  publish: { views: ConfiguredView[] };
  http: {
    /** Host and port; undefined: nothing is served. */
    listen: string | undefined;
    /** Absolute path. */
    tokenFile: string | undefined;
    allowedHosts: string[];
    charts: Chart[];
  };
  /** Who is told of what happens. */
  notify: NotifyHook[];
}

/** A line chart on the dashboard. */
export type Chart = z.infer<typeof chartSchema>;

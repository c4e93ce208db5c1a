import * as z from 'zod';
import { type DeclaredTable, tableSchema } from './canon-table.js';
import { type Chart, chartSchema } from './charts.js';
import { type ClusterConfig, clusterSchema } from './cluster.js';
import { type ExportFileOptions, type ExportJob, exportJobSchema, tableExportSchema } from './exports.js';
import { hookSchema, type NotifyHook } from './notify.js';
import { type OpenLineageConfig, openLineageSchema } from './openlineage.js';
import { seconds, tableName, tellTwice } from './parts.js';
import { type ConfiguredView, viewSchema } from './published-views.js';
import { type Retention, retentionShape } from './retention.js';
import { type TlsFiles, tlsSchema } from './tls.js';
import { gcSchema, memoryLimitSchema, minFreeBytesSchema, scrubSchema, type UpkeepConfig } from './upkeep.js';
import { maxAnswerBytesSchema, type UploadLimits, uploadsSchema } from './uploads.js';

/**
 * The schema of `bus_config.json`. Every setting has a default, so `{}` is a whole configuration.
 */
export const configSchema = z.strictObject({
  $schema: z.string().optional().describe('For editors: where the JSON Schema of this file lies.'),
  bus_root: z.string().min(1).default('data/bus').describe("The bus's own folder."),
  duckdb_path: z.string().min(1).default('data/alerts.duckdb').describe('The published database, which readers open.'),
  poll_interval_s: seconds
    .default(1)
    .describe('How often the inbox is scanned in full, in addition to file system events.'),
  lock_timeout_s: z
    .number()
    .nonnegative()
    .max(86_400)
    .default(10)
    .describe('How long a second daemon waits for the first, or `scrub` for another scrub, before it gives up.'),
  min_free_bytes: minFreeBytesSchema,
  memory_limit: memoryLimitSchema,
  log_level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info').describe('The log level.'),
  batch: z
    .strictObject({
      max_jobs: z.number().int().min(1).max(10_000).default(256).describe('Jobs that share one commit, at most.'),
      max_bytes: z
        .number()
        .int()
        .min(1)
        .default(268_435_456)
        .describe(
          'Bytes of artifacts that share one commit. Others may overtake a job with more than a quarter of this.',
        ),
    })
    .prefault({})
    .describe('Limits of one commit.'),
  limits: z
    .strictObject({
      max_artifact_bytes: z.number().int().min(1).default(1_099_511_627_776).describe('Size of one artifact.'),
      max_job_bytes: z
        .number()
        .int()
        .min(1)
        .default(1_099_511_627_776)
        .describe('Size of all artifacts of a job together. A file counts for each artifact that names it.'),
      max_columns: z.number().int().min(1).default(2000).describe('Columns of one artifact.'),
      max_table_columns: z
        .number()
        .int()
        .min(1)
        .default(4000)
        .describe('Columns of one canonical table, fields of one of them, and changes of their types.'),
      max_row_groups: z.number().int().min(1).default(32_768).describe('Row groups of one artifact.'),
      max_sparse_ratio: z
        .number()
        .min(1)
        .default(16)
        .describe('A file may be at most this many times as large as its bytes on disk; the rest are holes.'),
      decode_s: seconds
        .default(10)
        .describe('Processor time to decode a file of a canonical table. Each 10 MiB of the file adds as much again.'),
      decode_memory_mb: z
        .number()
        .int()
        .min(512)
        .default(2048)
        .describe('Memory to decode such a file, but at most a fifth of the memory of the machine.'),
    })
    .prefault({})
    .describe('Limits of a job.'),
  canon: z
    .strictObject({
      auto_register: z
        .boolean()
        .default(true)
        .describe('Whether a new `canon.<table>` becomes a table. If not, its artifacts are rejected.'),
      max_new_tables_per_hour: z
        .number()
        .int()
        .min(0)
        .default(200)
        .describe('Tables that one producer may create within an hour. Declared tables do not count.'),
      tables: z
        .record(tableName, tableSchema)
        .superRefine((tables, context) => {
          const names = Object.keys(tables).map(name => name.toLowerCase());
          for (const [index, name] of Object.keys(tables).entries())
            if (names.indexOf(name.toLowerCase()) < index)
              context.addIssue({ code: 'custom', path: [name], message: 'appears twice (case does not count)' });
        })
        .prefault({})
        .describe('Declarations of canonical tables, by name.'),
    })
    .prefault({})
    .describe('Canonical tables.'),
  catalog: z
    .strictObject({
      content_hash: z
        .boolean()
        .default(false)
        .describe('Whether each artifact gets a hash of its rows, independent of their order and encoding.'),
    })
    .prefault({})
    .describe('The catalog of artifacts.'),
  compaction: z
    .strictObject({
      hot_commits: z
        .number()
        .int()
        .min(2)
        .max(10_000)
        .default(48)
        .describe(
          'Commits that are kept as single files before they are merged; fewer if they have more than 64 files of canonical tables each.',
        ),
      idle_s: seconds.default(30).describe('After this long without a commit, fewer commits are merged too.'),
      release_grace_s: z
        .number()
        .nonnegative()
        .max(86_400)
        .default(10)
        .describe('Files of a superseded database are kept at least this long.'),
    })
    .prefault({})
    .describe('Background merging of small files.'),
  export: z
    .strictObject({
      enabled: z.boolean().default(true).describe('Whether golden exports are written.'),
      export_dir: z.string().min(1).default('data/exports').describe('The folder of golden exports.'),
      min_interval_s: z.number().nonnegative().max(86_400).default(1).describe('An export runs at most this often.'),
      max_share: z
        .number()
        .min(0.01)
        .max(1)
        .default(0.2)
        .describe('The largest share of the time that exports take; 1: no limit.'),
      timeout_s: seconds.default(600).describe('An export that takes longer is stopped; its last good file stays.'),
      memory_limit_mb: z
        .number()
        .int()
        .min(64)
        .default(1024)
        .describe('Memory for an export that cannot do with 256 MB. A table gets as much as compaction.'),
      jobs: z
        .array(exportJobSchema)
        .default([])
        .superRefine((jobs, context) => {
          tellTwice(
            jobs.map(({ name }) => name),
            context,
          );
        })
        .describe('Exports in addition to those of the canonical tables.'),
      tables: z
        .record(tableName, tableExportSchema)
        .prefault({})
        .describe('How canonical tables are exported, by name.'),
    })
    .prefault({})
    .describe('Golden exports.'),
  scrub: scrubSchema,
  gc: gcSchema,
  ...retentionShape,
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
    .describe('The published database.'),
  http: z
    .strictObject({
      listen: z
        .string()
        .regex(/^(\[[0-9A-Fa-f:.]+\]|[^\s:/[\]]+):\d{1,5}$/, 'must be a host and a port, such as 127.0.0.1:7171')
        .refine(text => Number(/\d+$/.exec(text)?.[0]) <= 65_535, 'has a port beyond 65535')
        .nullable()
        .default(null)
        .describe('The address of the dashboard, its API, metrics and health checks; null: none.'),
      token_file: z
        .string()
        .min(1)
        .nullable()
        .default(null)
        .describe(
          'A file with a token that may do everything. For others, see `quantbot-bus token create`. An address that other machines can reach needs a token.',
        ),
      allowed_hosts: z
        .array(z.string().regex(/^[A-Za-z0-9.-]+(:\d{1,5})?$/, 'must be a host name, with a port if wanted'))
        .default([])
        .describe('Host names that callers may use in addition to localhost and numeric addresses.'),
      tls: tlsSchema,
      uploads: uploadsSchema,
      max_answer_bytes: maxAnswerBytesSchema,
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
    .describe('Commands and webhooks that are notified of rejections, failed exports and pauses.'),
  openlineage: openLineageSchema,
  cluster: clusterSchema.nullable().default(null).describe('A bus on many machines. null: it is on this one.'),
});

/** `bus_config.json` with its defaults filled in. */
export type ConfigFile = z.infer<typeof configSchema>;

/** The configuration as programs use it: absolute paths, every setting, units in the names. */
export interface BusConfig extends UpkeepConfig {
  busRoot: string;
  duckdbPath: string;
  pollIntervalMs: number;
  /** Undefined: the bus is on this machine. */
  cluster: ClusterConfig | undefined;
  lockTimeoutMs: number;
  logLevel: ConfigFile['log_level'];
  batch: { maxJobs: number; maxBytes: number };
  limits: {
    maxArtifactBytes: number;
    maxJobBytes: number;
    maxColumns: number;
    maxTableColumns: number;
    maxRowGroups: number;
    maxSparseRatio: number;
    decodeMs: number;
    decodeMemoryMb: number;
    /** Of the daemon and its processes together. Undefined: the memory of the machine. */
    memoryLimitMb: number | undefined;
  };
  canon: { autoRegister: boolean; maxNewTablesPerHour: number; tables: DeclaredTable[] };
  catalog: { contentHash: boolean };
  compaction: { hotCommits: number; idleMs: number; releaseGraceMs: number };
  export: {
    enabled: boolean;
    exportDir: string;
    minIntervalMs: number;
    maxShare: number;
    timeoutMs: number;
    memoryLimitMb: number;
    jobs: ExportJob[];
    /** By name of the canonical table, in lower case. */
    tables: Record<string, ExportFileOptions & { enabled: boolean }>;
  };
  retention: Retention;
  publish: { views: ConfiguredView[] };
  http: {
    /** Host and port. Undefined: nothing is served. */
    listen: string | undefined;
    /** Absolute path. */
    tokenFile: string | undefined;
    allowedHosts: string[];
    /** Undefined: plain HTTP. */
    tls: TlsFiles | undefined;
    uploads: UploadLimits;
    maxAnswerBytes: number;
    charts: Chart[];
  };
  /** The hooks to notify. */
  notify: NotifyHook[];
  /** Undefined: no OpenLineage events are sent. */
  openlineage: OpenLineageConfig | undefined;
}

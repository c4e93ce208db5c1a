import { z } from 'zod';

const seconds = z.number().positive().max(86_400);
const tableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, 'must be a plain identifier of at most 63 characters');

/** An export that the configuration names: a SELECT over the bus's data, written as one Parquet file. */
const exportJobSchema = z.strictObject({
  name: tableName.describe('Names the export in `_export_status.json`.'),
  sql: z.string().min(1).describe('Exactly one SELECT over `canon.*` and `catalog.*`.'),
  path: z.string().min(1).optional().describe('Where the file goes, below export_dir; `<name>.parquet` when absent.'),
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
        .describe('Bytes of artifacts that share one commit; one job may exceed it.'),
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
    })
    .prefault({})
    .describe('Canonical tables.'),
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
          for (const [index, { name }] of jobs.entries())
            if (jobs.findIndex(job => job.name === name) < index)
              context.addIssue({ code: 'custom', path: [index, 'name'], message: `is there twice: ${name}` });
        })
        .describe('Exports besides the one of each canonical table.'),
    })
    .prefault({})
    .describe('Golden exports.'),
});

/** `bus_config.json` with its defaults filled in. */
export type ConfigFile = z.infer<typeof configSchema>;

/** One export of the configuration, its path resolved. */
export interface ExportJob {
  name: string;
  sql: string;
  /** Absolute path of the file. */
  path: string;
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
  canon: { autoRegister: boolean };
  compaction: { hotCommits: number; idleMs: number; releaseGraceMs: number };
  export: {
    enabled: boolean;
    exportDir: string;
    minIntervalMs: number;
    timeoutMs: number;
    memoryLimitMb: number;
    jobs: ExportJob[];
  };
}

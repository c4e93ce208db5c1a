import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { closest, distance } from 'fastest-levenshtein';
import type * as z from 'zod';
import { busError, systemErrorCode } from '../errors.js';
import { isRemoteRoot } from '../object-root.js';
import { JsonError, parseJsonStrictly } from '../strict-json.js';
import { resolveCluster } from './cluster.js';
import { mistakeIn, withoutComments } from './comments.js';
import type { ExportFileOptions, ExportJob } from './exports.js';
import { resolveHook } from './notify.js';
import { resolveOpenLineage } from './openlineage.js';
import { bytesOf } from './parts.js';
import { qualityOf } from './quality.js';
import { retentionOf } from './retention.js';
import { type BusConfig, type ConfigFile, configSchema } from './schema.js';
import { resolveTls } from './tls.js';
import { resolveUpkeep } from './upkeep.js';

/** The file name that is searched for in the working folder and above it. */
export const configFileName = 'bus_config.json';

const maxDepth = 64;

/** Where to look for the configuration. Each option has a default. */
export interface FindConfigOptions {
  /** Path of the file, as from `--config`. The file must exist. */
  config?: string;
  /** Where the upward search begins; the working folder by default. */
  cwd?: string;
  /** The environment with `QUANTBOT_BUS_CONFIG`; that of the process by default. */
  env?: Record<string, string | undefined>;
}

/** A configuration and its file; undefined if only the defaults apply. */
export interface FoundConfig {
  path: string | undefined;
  config: BusConfig;
}

/**
 * Finds and reads `bus_config.json`: the given path, then `QUANTBOT_BUS_CONFIG`, then the nearest
 * file from the working folder upwards, else the defaults. Relative paths in it are relative to the
 * file.
 *
 * @throws BusError `CONFIG_NOT_FOUND`, `CONFIG_INVALID` (one detail per problem, all at once),
 * `BUS_ROOT_INVALID`.
 */
export function findBusConfig(options: FindConfigOptions = {}): FoundConfig {
  const cwd = resolve(options.cwd ?? '.');
  const named = options.config || (options.env ?? process.env).QUANTBOT_BUS_CONFIG;
  const path = named ? resolve(cwd, named) : findUpwards(cwd);
  if (path === undefined) return { path, config: resolveConfig(configSchema.parse({}), cwd) };
  const text = readConfigFile(path);
  if (text === undefined) throw busError('CONFIG_NOT_FOUND', `There is no configuration at ${path}.`);
  return { path, config: parseBusConfig(text, path) };
}

/** Parses the text of the `bus_config.json` at `path`: JSON, optionally with comments. */
export function parseBusConfig(text: string, path: string): BusConfig {
  let json: unknown;
  // Some Windows editors put a byte order mark first.
  const plain = withoutComments(text.replace(/^\uFEFF/, ''));
  try {
    json = parseJsonStrictly(Buffer.from(plain), maxDepth);
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause;
    const details = cause.cause === undefined ? [] : [mistakeIn(plain)];
    throw busError('CONFIG_INVALID', `${path} ${cause.message}.`, { cause, details });
  }
  const parsed = configSchema.safeParse(json);
  const details = parsed.success ? missingOnClusters(parsed.data) : parsed.error.issues.flatMap(describeIssue);
  if (!parsed.success || details.length > 0)
    throw busError(
      'CONFIG_INVALID',
      `${path} has ${details.length === 1 ? 'a mistake' : `${details.length} mistakes`}.`,
      { details },
    );
  return resolveConfig(parsed.data, dirname(path));
}

/** Returns a sentence for each setting that a bus on many machines does not have. */
function missingOnClusters({ cluster, publish }: ConfigFile): string[] {
  if (cluster === null || publish.views.length === 0) return [];
  return ['publish.views: a bus on many machines has no views of the configuration'];
}

function resolveConfig(file: ConfigFile, base: string): BusConfig {
  const exportDir = resolve(base, file.export.export_dir);
  const ms = (s: number) => Math.round(s * 1000);
  return {
    busRoot: isRemoteRoot(file.bus_root) ? file.bus_root : checkedRoot(resolve(base, file.bus_root), 'bus_root'),
    duckdbPath: checkedRoot(resolve(base, file.duckdb_path), 'duckdb_path'),
    pollIntervalMs: ms(file.poll_interval_s),
    cluster: file.cluster === null ? undefined : resolveCluster(file.cluster, base),
    lockTimeoutMs: ms(file.lock_timeout_s),
    logLevel: file.log_level,
    batch: { maxJobs: file.batch.max_jobs, maxBytes: file.batch.max_bytes },
    limits: {
      maxArtifactBytes: file.limits.max_artifact_bytes,
      maxJobBytes: file.limits.max_job_bytes,
      maxColumns: file.limits.max_columns,
      maxTableColumns: file.limits.max_table_columns,
      maxRowGroups: file.limits.max_row_groups,
      maxSparseRatio: file.limits.max_sparse_ratio,
      decodeMs: ms(file.limits.decode_s),
      decodeMemoryMb: file.limits.decode_memory_mb,
      memoryLimitMb: file.memory_limit === null ? undefined : Math.floor(bytesOf(file.memory_limit) / 1e6),
    },
    canon: {
      autoRegister: file.canon.auto_register,
      maxNewTablesPerHour: file.canon.max_new_tables_per_hour,
      tables: Object.entries(file.canon.tables).map(([name, table]) => ({
        name: name.toLowerCase(),
        mode: table.mode,
        key: table.key ?? [],
        orderBy: table.order_by ?? [],
        rows: table.rows,
        quality: table.quality && qualityOf(table.quality),
        columns: Object.entries(table.columns).map(([column, { type, not_null }]) => ({
          name: column,
          type,
          notNull: not_null,
        })),
      })),
    },
    catalog: { contentHash: file.catalog.content_hash },
    compaction: {
      hotCommits: file.compaction.hot_commits,
      idleMs: ms(file.compaction.idle_s),
      releaseGraceMs: ms(file.compaction.release_grace_s),
    },
    export: {
      enabled: file.export.enabled,
      exportDir: checkedRoot(exportDir, 'export.export_dir'),
      minIntervalMs: ms(file.export.min_interval_s),
      maxShare: file.export.max_share,
      timeoutMs: ms(file.export.timeout_s),
      memoryLimitMb: file.export.memory_limit_mb,
      jobs: withOwnPlaces(
        file.export.jobs.map(job => ({
          name: job.name,
          sql: job.sql,
          path: exportPath(exportDir, job),
          options: exportOptions(job),
        })),
      ),
      tables: Object.fromEntries(
        Object.entries(file.export.tables).map(([name, table]) => [
          name.toLowerCase(),
          { enabled: table.enabled, ...exportOptions(table) },
        ]),
      ),
    },
    ...resolveUpkeep(file),
    retention: retentionOf(file),
    publish: file.publish,
    http: {
      listen: file.http.listen ?? undefined,
      tokenFile: file.http.token_file === null ? undefined : resolve(base, file.http.token_file),
      allowedHosts: file.http.allowed_hosts,
      tls: resolveTls(file.http.tls, base),
      uploads: {
        maxOpen: file.http.uploads.max_open,
        maxBytesPerDay: file.http.uploads.max_bytes_per_day,
      },
      maxAnswerBytes: file.http.max_answer_bytes,
      charts: file.http.charts,
    },
    notify: file.notify.map(hook => resolveHook(hook, base)),
    openlineage: resolveOpenLineage(file.openlineage),
  };
}

const exportOptions = (file: Omit<ConfigFile['export']['tables'][string], 'enabled'>): ExportFileOptions => ({
  compression: file.compression,
  rowGroupRows: file.row_group_rows,
  sortBy: file.sort_by.map(text => ({
    column: text.replace(/ (asc|desc)$/i, ''),
    descending: / desc$/i.test(text),
  })),
  layout: file.layout,
  partRows: file.part_rows,
  partitionBy: file.partition_by,
});

/**
 * Refuses paths that DuckDB would misread. Glob characters would make the published views read
 * other folders. DuckDB takes a folder named `key=value` for a Hive partition, whose value replaces
 * the artifacts' own column of that name.
 *
 * @throws BusError `BUS_ROOT_INVALID`.
 */
export function checkedRoot(path: string, setting = 'bus_root'): string {
  if (/[*?[\]{}\\]/.test(path))
    throw busError('BUS_ROOT_INVALID', `${setting} is ${path}, which has a glob character.`);
  if (/[^/]=/.test(path))
    throw busError(
      'BUS_ROOT_INVALID',
      `${setting} is ${path}, which has a folder that DuckDB reads as a Hive partition.`,
    );
  return path;
}

/** Refuses an export that would replace another one, also where file names ignore case. */
function withOwnPlaces(jobs: ExportJob[]): ExportJob[] {
  const names = new Map<string, string>();
  for (const { name, path } of jobs) {
    const other = names.get(path.toLowerCase());
    if (other !== undefined)
      throw busError('CONFIG_INVALID', `The exports ${other} and ${name} would be written to the same place.`, {
        details: [path],
      });
    names.set(path.toLowerCase(), name);
  }
  return jobs;
}

function exportPath(exportDir: string, job: ConfigFile['export']['jobs'][number]): string {
  const path = resolve(exportDir, job.path ?? (job.layout === 'dataset' ? job.name : `${job.name}.parquet`));
  const below = relative(exportDir, path);
  if (below === '' || below === '..' || below.startsWith('../') || isAbsolute(below))
    throw busError('CONFIG_INVALID', `The export ${job.name} would be written outside of export_dir.`, {
      details: [path],
    });
  return checkedRoot(path, `the path of the export ${job.name}`);
}

function findUpwards(from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, configFileName);
    if (readConfigFile(path) !== undefined) return path;
    if (dirname(folder) === folder) return undefined;
  }
}

function readConfigFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(cause) ?? '')) return undefined;
    throw busError('CONFIG_INVALID', `${path} cannot be read.`, { cause, details: [(cause as Error).message] });
  }
}

function describeIssue(issue: z.core.$ZodIssue): string[] {
  const at = issue.path.join('.');
  if (issue.code !== 'unrecognized_keys') return [`${at || 'the file'}: ${issue.message}`];
  const known = knownKeys(issue.path).filter(key => key !== '$schema');
  return issue.keys.map(
    key => `${[...issue.path, key].join('.')}: there is no such setting. ${suggestion(key, known)}`,
  );
}

/** Suggests the setting that was probably meant, or lists all settings if none is similar. */
function suggestion(key: string, known: readonly string[]): string {
  const near = closest(key, known);
  return distance(key, near) <= Math.max(2, key.length * 0.4)
    ? `Did you mean ${near}?`
    : `Here the settings are ${known.join(', ')}.`;
}

/** The settings that the schema knows at a path. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let json: JsonObjectSchema | undefined = configJsonSchema();
  for (const step of path)
    json = typeof step === 'number' ? json?.items : (json?.properties?.[String(step)] ?? json?.additionalProperties);
  return Object.keys(json?.properties ?? {});
}

interface JsonObjectSchema {
  properties?: Record<string, JsonObjectSchema>;
  items?: JsonObjectSchema;
  /** The schema of a record's entries. */
  additionalProperties?: JsonObjectSchema;
}

const configJsonSchema = (): JsonObjectSchema => configSchema.toJSONSchema({ io: 'input' }) as JsonObjectSchema;

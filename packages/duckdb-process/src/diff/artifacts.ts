import { isDeepStrictEqual } from 'node:util';
import type { DuckDBConnection } from '@duckdb/node-api';
import { daemonError, identifier, literal, nameBeside } from '@quantbot/bus-format';
import { openMemoryDatabase, query } from '@quantbot/bus-format/duckdb';
import { duckDbFault } from '@quantbot/bus-format/duckdb-fault';
import { foldName } from '@quantbot/infra/bus';
import type { ArtifactRecord } from '@quantbot/storage';
import { findNanoseconds } from '@quantbot/storage/sandbox';
import { areEqual, type ComparedColumn, compareRows, type RowDifference, type RowOptions } from './rows.js';

/** How the columns of two artifacts differ. */
export interface SchemaDiff {
  onlyInLeft: { name: string; type: string }[];
  onlyInRight: { name: string; type: string }[];
  types: { name: string; left: string; right: string }[];
}

/** The values that differ, by name; a side without the name has `undefined`. */
export type Changes = Record<string, { left: unknown; right: unknown }>;

/** The differences between two artifacts. */
export interface ArtifactDiff {
  /** The keys. */
  left: string;
  right: string;
  /** Whether the files are the same, byte for byte. */
  sameBytes: boolean;
  /** Whether columns and rows are equal, in any order of rows. */
  equal: boolean;
  schema: SchemaDiff;
  /** Columns whose times DuckDB cuts to microseconds: finer differences are not seen. */
  cut: string[];
  rows: RowDifference;
  meta: Changes;
  provenance: Changes;
}

/** An artifact to compare. */
export type Side = Pick<ArtifactRecord, 'key' | 'path' | 'sha256' | 'schema' | 'meta' | 'provenance' | 'forgottenAt'>;

/** What to compare, and with how much. */
export interface DiffOptions extends RowOptions {
  memoryMb: number;
  /** The folder that DuckDB creates and spills to. */
  spillFolder: string;
  /** The limit of spilled data (MiB); by default the disk is. */
  maxSpillMb?: number;
  /** Ends the comparison, which then fails. */
  signal?: AbortSignal;
}

/**
 * Compares two artifacts: columns, rows (as `compareRows` does), `meta` and provenance. A column of
 * different types is compared as text.
 *
 * @throws DaemonError `ARTIFACT_NOT_FOUND` for a forgotten one, `KEY_NOT_FOUND`, `WORKER_MEMORY`.
 */
export async function diffArtifacts(left: Side, right: Side, options: DiffOptions): Promise<ArtifactDiff> {
  for (const { key, forgottenAt } of [left, right])
    if (forgottenAt !== null)
      throw daemonError(
        'ARTIFACT_NOT_FOUND',
        `${key} was forgotten at ${forgottenAt.toISOString()}; its bytes are gone.`,
      );
  const { connection, close } = await openMemoryDatabase({ ...options, threads: 2 });
  const interrupt = () => connection.interrupt();
  options.signal?.addEventListener('abort', interrupt);
  try {
    await connection.run(`SET TimeZone = 'UTC'`);
    if (options.maxSpillMb !== undefined)
      await connection.run(`SET max_temp_directory_size = '${options.maxSpillMb}MiB'`);
    return await difference(connection, left, right, options);
  } catch (error) {
    if (duckDbFault((error as Error).message) !== 'memory') throw error;
    const limit = `the limit of ${options.memoryMb} MB`;
    throw daemonError('WORKER_MEMORY', `To compare ${left.key} with ${right.key} takes more memory than ${limit}.`, {
      hint: 'Raise the limit: that of `quantbot-bus diff` is `export.memory_limit_mb`.',
      cause: error,
    });
  } finally {
    options.signal?.removeEventListener('abort', interrupt);
    close();
  }
}

async function difference(
  connection: DuckDBConnection,
  left: Side,
  right: Side,
  options: RowOptions,
): Promise<ArtifactDiff> {
  const columnsOf = (artifact: Side) =>
    query<Column>(
      connection,
      `SELECT column_name AS name, column_type AS type FROM (DESCRIBE FROM ${fileOf(artifact)})`,
    );
  const columns = { left: await columnsOf(left), right: await columnsOf(right) };
  const from = { left: rowsOf(left, columns.left), right: rowsOf(right, columns.right) };
  const { compared, schema } = pair(columns.left, columns.right);
  const sameColumns = [schema.onlyInLeft, schema.onlyInRight, schema.types].every(list => list.length === 0);
  const rows = await compareRows(connection, from, compared, options);
  return {
    left: left.key,
    right: right.key,
    sameBytes: left.sha256 === right.sha256,
    equal: sameColumns && areEqual(rows),
    schema,
    cut: await cutColumns(left, right),
    rows,
    meta: changesOf(left.meta, right.meta),
    provenance: changesOf(left.provenance, right.provenance),
  };
}

const fileOf = ({ path }: Side, options = ''): string =>
  `read_parquet(${literal(path)}, hive_partitioning = false${options})`;

/**
 * Returns the rows of a file as a table. DuckDB stores groups in as few bytes as the minimum and
 * maximum that a file states need, and cuts values if these are wrong. An expression that is always
 * true keeps it from using them. TRY has no statistics, not even that all values are NULL.
 */
function rowsOf(artifact: Side, columns: readonly Column[]): string {
  const fileColumn = nameBeside(columns.map(({ name }) => name));
  const values = columns
    .map(({ name }) => identifier(name))
    .map(column => `CASE WHEN length(${fileColumn}) > 0 THEN ${column} ELSE TRY(${column}) END AS ${column}`);
  return `(SELECT ${values.join(', ')} FROM ${fileOf(artifact, `, filename = '${fileColumn}'`)})`;
}

interface Column {
  name: string;
  type: string;
}

/** Pairs columns by name, as SQL does: without regard to case. */
function pair(left: readonly Column[], right: readonly Column[]): { compared: ComparedColumn[]; schema: SchemaDiff } {
  const others = new Map(right.map(column => [foldName(column.name), column]));
  const compared: ComparedColumn[] = [];
  const schema: SchemaDiff = { onlyInLeft: [], onlyInRight: [], types: [] };
  for (const { name, type } of left) {
    const other = others.get(foldName(name));
    others.delete(foldName(name));
    if (other === undefined) {
      schema.onlyInLeft.push({ name, type });
      continue;
    }
    if (other.type !== type) schema.types.push({ name, left: type, right: other.type });
    // As text, because 30 days are not a month.
    const as = other.type === type && !type.includes('INTERVAL') ? type : 'VARCHAR';
    compared.push({
      name,
      left: `CAST(${identifier(name)} AS ${as})`,
      right: `CAST(${identifier(other.name)} AS ${as})`,
    });
  }
  schema.onlyInRight.push(...others.values());
  return { compared, schema };
}

/** Returns the columns of which DuckDB reads less than the files have. */
async function cutColumns(...artifacts: readonly Side[]): Promise<string[]> {
  const found = new Set<string>();
  for (const { path, schema } of artifacts) {
    const moments = schema
      .filter(({ type }) => type === 'TIMESTAMP' || type === 'TIMESTAMP WITH TIME ZONE')
      .map(({ name }) => name);
    for (const name of await findNanoseconds([path], moments)) found.add(name);
  }
  return [...found];
}

type Values = Record<string, unknown> | null;
/** Returns a map, because an object has a `constructor` that no producer wrote. */
const fieldsOf = (values: Values): ReadonlyMap<string, unknown> => new Map(Object.entries(values ?? {}));

function changesOf(left: Values, right: Values): Changes {
  const [one, other] = [fieldsOf(left), fieldsOf(right)];
  const changed = [...new Set([...one.keys(), ...other.keys()])].filter(
    name => !isDeepStrictEqual(one.get(name), other.get(name)),
  );
  return Object.fromEntries(changed.map(name => [name, { left: one.get(name), right: other.get(name) }]));
}

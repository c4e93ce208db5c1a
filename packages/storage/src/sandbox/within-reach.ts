import { realpathSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { foldName } from '@quantbot/infra/bus';
import { storageError } from '../errors.js';

/** The environment of untrusted SQL. */
export interface Surroundings {
  /** Absolute paths of folders whose files it may name. */
  folders: readonly string[];
  /** Names of the views and tables that exist, as `schema.name`, in lower case. */
  relations: ReadonlySet<string>;
}

/** Table functions that reach no file and change nothing. */
const harmless = new Set(
  `range generate_series unnest repeat repeat_row summary json_each json_tree histogram histogram_values test_all_types
  icu_calendar_names pg_timezone_names pragma_version pragma_platform pragma_table_info pragma_show pragma_collations
  pragma_database_size duckdb_columns duckdb_constraints duckdb_databases duckdb_dependencies duckdb_extensions
  duckdb_functions duckdb_indexes duckdb_keywords duckdb_memory duckdb_optimizers duckdb_schemas duckdb_sequences
  duckdb_settings duckdb_tables duckdb_temporary_files duckdb_types duckdb_variables duckdb_views`.split(/\s+/),
);

/** Table functions whose first argument names files. */
const fileReaders = new Set(
  `read_csv read_csv_auto read_json read_json_auto read_json_objects read_json_objects_auto read_ndjson read_ndjson_auto
  read_ndjson_objects read_parquet parquet_scan read_text read_blob glob sniff_csv parquet_metadata parquet_schema
  parquet_file_metadata parquet_kv_metadata parquet_full_metadata parquet_bloom_probe`.split(/\s+/),
);

/** DuckDB reads an unknown table with such a name as a file. */
const fileName = /[/\\]|\.(csv|tsv|json|jsonl|ndjson|geojson|parquet|duckdb|ddb|db|xlsx|avro|arrow|vortex)(\W|$)/i;

type Node = Readonly<Record<string, unknown>>;

/**
 * Refuses a SELECT that names a file outside of the folders, or calls a table function that may
 * reach one.
 *
 * DuckDB resolves the links in a path, permits what it finds, and then opens the path. Another user
 * who exchanges a link in between makes DuckDB open another file. So no path may lead through a
 * folder in which others can create names, wherever the path seems to end.
 *
 * @param statements the result of `json_serialize_sql`.
 * @param of the subject of the error message.
 * @throws StorageError `OUT_OF_REACH`.
 */
export function assertWithinReach(statements: unknown, of: string, { folders, relations }: Surroundings): void {
  const places = placesOf(folders);
  const assertReachable = (path: string) => {
    if (!isWithin(path, places)) throw outOfReach(`${of} may not read ${path}.`);
  };
  const left: unknown[] = [statements];
  while (left.length > 0) {
    const node = left.pop();
    if (typeof node !== 'object' || node === null) continue;
    const { type, function: call } = node as Node;
    if (type === 'BASE_TABLE') {
      assertOwnSchema(node as Node, of);
      const name = fileOf(node as Node, relations);
      if (name !== undefined) assertReachable(name);
    }
    if (type === 'TABLE_FUNCTION') for (const path of filesOf(call as Node, of)) assertReachable(path);
    for (const value of Object.values(node)) left.push(value);
  }
}

/** Returns the name of a table that DuckDB would read as a file. */
function fileOf(table: Node, relations: ReadonlySet<string>): string | undefined {
  const {
    catalog_name: catalog = '',
    schema_name: schema = '',
    table_name: name = '',
  } = table as Record<string, string>;
  const whole = [catalog, schema, name].filter(part => part !== '').join('.');
  const exists = catalog === '' && relations.has(foldName(`${schema === '' ? 'main' : schema}.${name}`));
  return fileName.test(whole) && !exists ? whole : undefined;
}

/** DuckLake attaches the whole database of a cluster, which may hold more than the bus. */
function assertOwnSchema({ catalog_name, schema_name }: Node, of: string): void {
  for (const name of [catalog_name, schema_name])
    if (/^__ducklake_metadata/i.test(String(name))) throw outOfReach(`${of} may not read ${name}.`);
}

/** Returns the files that a call of a table function names. */
function filesOf(call: Node, of: string): string[] {
  const name = String(call.function_name).toLowerCase();
  if (harmless.has(name)) return [];
  if (!fileReaders.has(name)) throw outOfReach(`${of} may not call ${name}().`);
  const [files] = call.children as Node[];
  const paths =
    files === undefined ? [undefined] : [files, ...elementsOf(files)].slice(isList(files) ? 1 : 0).map(textOf);
  if (paths.some(path => path === undefined))
    throw outOfReach(`${of} must name the files of ${name}() as a text, or a list of texts, in the first place.`);
  return paths as string[];
}

const isList = ({ type, function_name }: Node): boolean =>
  type === 'ARRAY_CONSTRUCTOR' || (type === 'FUNCTION' && function_name === 'list_value');

const elementsOf = (node: Node): Node[] => (isList(node) ? ((node.children ?? []) as Node[]) : []);

/** Returns a constant text; undefined for a named argument, which has an alias. */
function textOf({ class: kind, alias, value }: Node): string | undefined {
  const { type, value: text } = (value ?? {}) as { type?: { id?: string }; value?: unknown };
  const isText = kind === 'CONSTANT' && (alias ?? '') === '' && type?.id === 'VARCHAR' && typeof text === 'string';
  return isText ? text : undefined;
}

const isUrl = (path: string): boolean => /^\w+:\/\//.test(path);

/** Returns the folders, each under all of its names. */
function placesOf(folders: readonly string[]): string[] {
  return folders.flatMap(folder => {
    try {
      return [folder, realpathSync(folder)];
    } catch {
      return [folder]; // it does not exist, so it has no other name
    }
  });
}

/**
 * Whether a path lies in one of the folders. The target of a `..` depends on the links before it,
 * so it may follow only the working folder.
 */
function isWithin(path: string, places: readonly string[]): boolean {
  const inner = isAbsolute(path) ? path : path.replace(/^(\.{1,2}\/+)+/, '');
  if (inner.split(/[/\\]+/).includes('..') || path.includes('\0')) return false;
  // DuckDB reads settings, such as another server, from the part after a question mark.
  if (isUrl(path)) return !/[?#%]/.test(path) && places.some(place => path.startsWith(`${place}/`));
  const whole = resolve(path);
  return places.some(place => whole === place || whole.startsWith(`${place}/`));
}

const outOfReach = (message: string) => storageError('OUT_OF_REACH', message);

import type { SchemaElement } from './schema-element.js';
import { invalidSchema, type SchemaNode } from './schema-tree.js';

/** DuckDB's type for a column that a file declares as always NULL (Parquet's NULL, or UNKNOWN). */
export const nullType = '"NULL"';

/** A top-level column of a Parquet file. */
export interface ParquetColumn {
  name: string;
  /**
   * The type that DuckDB gives the column, such as `BIGINT`, `DECIMAL(18,2)` or
   * `STRUCT("a" INTEGER, "b" VARCHAR[])`.
   */
  type: string;
  /** False if the file declares the column as required. */
  nullable: boolean;
  /** Set for a column without a name in the file. DuckDB names it by its position: `C0`. */
  unnamed?: boolean;
}

/**
 * Returns the top-level columns of a Parquet schema, with DuckDB's names and types. A test compares
 * them with DuckDB.
 *
 * @throws BusError `NOT_PARQUET` for a group without columns.
 */
export function columnsOf(root: SchemaNode, keyValue: Record<string, string> = {}): readonly ParquetColumn[] {
  if (keyValue.geo !== undefined) return buildColumns(root, keyValue);
  const known = plainColumns.get(root);
  if (known !== undefined) return known;
  const columns = buildColumns(root, {});
  plainColumns.set(root, columns);
  return columns;
}

/** The columns of recently read schemas. They are immutable. */
const plainColumns = new WeakMap<SchemaNode, readonly ParquetColumn[]>();

function buildColumns(root: SchemaNode, keyValue: Record<string, string>): readonly ParquetColumn[] {
  const names = distinctNames(root.children.map(({ element }) => element.name));
  const geometries = geoParquetColumns(keyValue);
  const columns = root.children.map((node, index) => ({
    name: names[index] || `C${index}`,
    type: isPlainBytes(node) && geometries.has(node.element.name) ? plainGeometry : typeOf(node),
    nullable: node.element.repetition_type === 'OPTIONAL',
    ...(names[index] === '' && { unnamed: true }),
  }));
  return Object.freeze(columns);
}

/** A logical type precedes the metadata of GeoParquet. */
const isPlainBytes = ({ element }: SchemaNode): boolean =>
  element.type === 'BYTE_ARRAY' && element.logical_type === undefined;

const plainGeometry = "GEOMETRY('OGC:CRS84')";

/**
 * GeoParquet names its columns in the file's metadata (https://geoparquet.org). DuckDB reads them
 * as geometries.
 */
function geoParquetColumns({ geo }: Record<string, string>): Set<string> {
  try {
    const { columns } = JSON.parse(geo ?? '{}') as { columns?: object };
    return new Set(Object.keys(columns ?? {}));
  } catch {
    return new Set(); // not GeoParquet after all
  }
}

/**
 * Renames duplicate columns as DuckDB does, ignoring case: `a`, `A_1`, `a_2`, and `a_1_1` if `a_1`
 * is taken.
 */
function distinctNames(names: readonly string[]): string[] {
  const timesTaken = new Map<string, number>();
  return names.map(name => {
    let free = name;
    for (let count = timesTaken.get(foldName(free)); count !== undefined; count = timesTaken.get(foldName(free))) {
      timesTaken.set(foldName(free), count + 1);
      free = `${free}_${count}`;
    }
    timesTaken.set(foldName(free), 1);
    return free;
  });
}

/**
 * Returns why readers would not find a column or field of this name, as the end of a sentence;
 * undefined for a good name.
 */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'has no name';
  if (name.includes('\0')) return 'has a NUL character in its name';
  return name.isWellFormed() ? undefined : 'has half of a surrogate pair in its name';
}

/** Folds a name as DuckDB compares names: it ignores the case of ASCII letters only. */
export const foldName = (name: string): string => name.replace(/[A-Z]/g, letter => letter.toLowerCase());

/**
 * Returns DuckDB's type of a node. DuckDB recognises groups by the deprecated converted type only.
 * Inside a LIST, MAP or repeated group it replaces a group of one column by that column, whatever
 * their names.
 */
function typeOf({ element, children }: SchemaNode, parent?: SchemaNode): string {
  const isRepeated = element.repetition_type === 'REPEATED';
  if (children.length === 0) return isRepeated ? `${leafType(element)}[]` : leafType(element);
  if (element.logical_type?.type === 'VARIANT') return isRepeated ? 'VARIANT[]' : 'VARIANT';
  const types = children.map(child => typeOf(child, { element, children }));
  const annotation = element.converted_type;
  if (holdsPairs(element, parent) && children.length === 2) return `MAP(${types.join(', ')})`;
  const isTransparent = children.length === 1 && (isRepeated || annotation === 'LIST' || annotation === 'MAP');
  const type = isTransparent ? (types[0] as string) : structType(children, types);
  return isRepeated ? `${type}[]` : type;
}

/** Whether DuckDB takes a group for the keys and values of a MAP. */
export const holdsPairs = (element: SchemaElement, parent: SchemaNode | undefined): boolean =>
  element.converted_type === 'MAP_KEY_VALUE' ||
  (parent?.element.converted_type === 'MAP' && parent.children.length === 1);

/** DuckDB omits the names if the first is empty, as in the tag of a UNION. */
function structType(children: readonly SchemaNode[], types: readonly string[]): string {
  const names = distinctNames(children.map(({ element }) => element.name));
  const fields = types.map((type, index) => (names[0] === '' ? type : `${quote(names[index] as string)} ${type}`));
  return `STRUCT(${fields.join(', ')})`;
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/**
 * Returns DuckDB's type of a leaf. For most types DuckDB reads only the deprecated converted type,
 * for newer ones only the logical type.
 */
export function leafType(element: SchemaElement): string {
  const logical = element.logical_type;
  const converted = element.converted_type;
  if (logical?.type === 'NULL') return nullType;
  if (element.type === 'BYTE_ARRAY' && (logical?.type === 'GEOMETRY' || logical?.type === 'GEOGRAPHY'))
    return logical.crs === undefined ? 'GEOMETRY' : `GEOMETRY('${logical.crs.replaceAll("'", "''")}')`;
  if (element.type === 'FIXED_LEN_BYTE_ARRAY' && logical?.type === 'FLOAT16') return 'FLOAT';
  if (converted === 'DECIMAL') return decimalType(element);
  if (converted === 'JSON') return 'JSON';
  switch (element.type) {
    case 'BOOLEAN':
      return 'BOOLEAN';
    case 'FLOAT':
      return 'FLOAT';
    case 'DOUBLE':
      return 'DOUBLE';
    case 'INT96':
      return 'TIMESTAMP';
    case 'INT32':
      return integerType(element, 'INTEGER');
    case 'INT64':
      return integerType(element, 'BIGINT');
    case 'BYTE_ARRAY':
    case 'FIXED_LEN_BYTE_ARRAY':
      if (element.type === 'FIXED_LEN_BYTE_ARRAY' && logical?.type === 'UUID') return 'UUID';
      if (element.type === 'FIXED_LEN_BYTE_ARRAY' && converted === 'INTERVAL') return 'INTERVAL';
      return converted === 'UTF8' || converted === 'ENUM' ? 'VARCHAR' : 'BLOB';
    default:
      // DuckDB cannot read a group without columns.
      throw invalidSchema(`the column ${quote(element.name)} has no type`);
  }
}

/**
 * DuckDB ignores the digits of the logical type. A DECIMAL that the format does not allow is
 * refused for its meaning, not here.
 */
function decimalType({ precision = 0, scale = 0 }: SchemaElement): string {
  return precision > 38 ? 'DOUBLE' : `DECIMAL(${precision},${scale})`;
}

/** Returns the integer type of a width in bits. */
export function sizedInteger(bits: number, signed: boolean): string {
  const name = { 8: 'TINYINT', 16: 'SMALLINT', 32: 'INTEGER', 64: 'BIGINT' }[bits] ?? 'BIGINT';
  return signed ? name : `U${name}`;
}

const convertedIntegers: Partial<Record<NonNullable<SchemaElement['converted_type']>, string>> = {
  INT_8: 'TINYINT',
  INT_16: 'SMALLINT',
  INT_32: 'INTEGER',
  INT_64: 'BIGINT',
  UINT_8: 'UTINYINT',
  UINT_16: 'USMALLINT',
  UINT_32: 'UINTEGER',
  UINT_64: 'UBIGINT',
  DATE: 'DATE',
  TIME_MILLIS: 'TIME',
  TIME_MICROS: 'TIME',
  TIMESTAMP_MILLIS: 'TIMESTAMP',
  TIMESTAMP_MICROS: 'TIMESTAMP',
};

function integerType({ logical_type, converted_type }: SchemaElement, plain: 'INTEGER' | 'BIGINT'): string {
  const { type, unit, isAdjustedToUTC } = logical_type ?? {};
  if (type === 'TIMESTAMP' && isAdjustedToUTC) return 'TIMESTAMP WITH TIME ZONE';
  if (type === 'TIMESTAMP') return unit === 'NANOS' ? 'TIMESTAMP_NS' : 'TIMESTAMP';
  if (type === 'TIME' && isAdjustedToUTC) return 'TIME WITH TIME ZONE';
  if (type === 'TIME') return unit === 'NANOS' ? 'TIME_NS' : 'TIME';
  return (converted_type && convertedIntegers[converted_type]) ?? plain;
}

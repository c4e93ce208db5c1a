import type { SchemaElement } from './schema-element.js';
import { invalidSchema, type SchemaNode } from './schema-tree.js';

/** A top-level column of a Parquet file. */
export interface ParquetColumn {
  name: string;
  /** The type that DuckDB gives the column, such as `BIGINT`, `DECIMAL(18,2)` or `STRUCT("a" INTEGER, "b" VARCHAR[])`. */
  type: string;
  /** False when the file declares that the column has no NULL. */
  nullable: boolean;
}

/**
 * The top-level columns of a Parquet schema with the names and types that DuckDB gives them; a test holds this function against it.
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

/** The columns of schemas that were read lately; nobody changes them. */
const plainColumns = new WeakMap<SchemaNode, readonly ParquetColumn[]>();

function buildColumns(root: SchemaNode, keyValue: Record<string, string>): readonly ParquetColumn[] {
  const names = distinctNames(root.children.map(({ element }, index) => element.name || `C${index}`));
  const geometries = geoParquetColumns(keyValue);
  const columns = root.children.map((node, index) => ({
    name: names[index] as string,
    type: node.element.type === 'BYTE_ARRAY' && geometries.has(node.element.name) ? plainGeometry : repeatable(node),
    nullable: node.element.repetition_type === 'OPTIONAL',
  }));
  return Object.freeze(columns);
}

const plainGeometry = "GEOMETRY('OGC:CRS84')";

/** GeoParquet names its columns in the file's metadata (https://geoparquet.org): DuckDB reads them as geometries. */
function geoParquetColumns({ geo }: Record<string, string>): Set<string> {
  try {
    const { columns } = JSON.parse(geo ?? '{}') as { columns?: object };
    return new Set(Object.keys(columns ?? {}));
  } catch {
    return new Set(); // not GeoParquet after all
  }
}

/** DuckDB's way with names that differ in nothing but case, or not at all: `a`, `A_1`, `a_2`. */
function distinctNames(names: readonly string[]): string[] {
  const timesTaken = new Map<string, number>();
  const lower = (name: string) => name.replace(/[A-Z]/g, letter => letter.toLowerCase());
  return names.map(name => {
    let number = timesTaken.get(lower(name));
    let free = name;
    if (number !== undefined) {
      while (timesTaken.has(lower(`${name}_${number}`))) number++;
      free = `${name}_${number}`;
      timesTaken.set(lower(name), number + 1);
    }
    timesTaken.set(lower(free), 1);
    return free;
  });
}

/** A repeated field outside of a LIST or MAP group is a list by itself (the format's backward compatibility rules). */
const repeatable = (node: SchemaNode): string =>
  node.element.repetition_type === 'REPEATED' ? `${typeOf(node)}[]` : typeOf(node);

function typeOf(node: SchemaNode): string {
  const { element, children } = node;
  if (children.length === 0) return leafType(element);
  if (element.logical_type?.type === 'VARIANT') return 'VARIANT';
  const annotation = element.converted_type ?? element.logical_type?.type;
  const [only] = children;
  if (annotation === 'LIST' && children.length === 1 && only?.element.repetition_type === 'REPEATED') {
    return `${listElementType(only)}[]`;
  }
  if (
    (annotation === 'MAP' || annotation === 'MAP_KEY_VALUE') &&
    children.length === 1 &&
    only?.children.length === 2
  ) {
    return `MAP(${only.children.map(repeatable).join(', ')})`;
  }
  return structType(children);
}

/**
 * The middle level of a three-level list has one child; two-level lists of older writers have the element right there. DuckDB takes a
 * group of one column for the middle level whatever its name.
 */
function listElementType(repeated: SchemaNode): string {
  const [child] = repeated.children;
  return repeated.children.length === 1 && child !== undefined ? repeatable(child) : typeOf(repeated);
}

/** DuckDB leaves the names out when the first is empty, as in the tag of a UNION. */
function structType(children: SchemaNode[]): string {
  const names = distinctNames(children.map(({ element }) => element.name));
  const fields = children.map((child, index) =>
    names[0] === '' ? repeatable(child) : `${quote(names[index] as string)} ${repeatable(child)}`,
  );
  return `STRUCT(${fields.join(', ')})`;
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

function leafType(element: SchemaElement): string {
  const logical = element.logical_type;
  const converted = element.converted_type;
  if (converted === 'DECIMAL' || logical?.type === 'DECIMAL') return decimalType(element);
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
      return byteArrayType(element);
    case 'FIXED_LEN_BYTE_ARRAY':
      if (logical?.type === 'UUID') return 'UUID';
      if (logical?.type === 'FLOAT16') return 'FLOAT';
      return converted === 'INTERVAL' ? 'INTERVAL' : 'BLOB';
    default:
      // A group without columns: DuckDB cannot read it, and neither can anybody else in a useful way.
      throw invalidSchema(`the column ${quote(element.name)} has no type`);
  }
}

function decimalType(element: SchemaElement): string {
  const { precision = 0, scale = 0 } = element.logical_type?.type === 'DECIMAL' ? element.logical_type : element;
  if (precision < 1 || scale < 0 || scale > precision)
    throw invalidSchema(`${quote(element.name)} is a DECIMAL(${precision},${scale})`);
  return precision > 38 ? 'DOUBLE' : `DECIMAL(${precision},${scale})`;
}

function integerType(element: SchemaElement, plain: 'INTEGER' | 'BIGINT'): string {
  const logical = element.logical_type;
  if (logical?.type === 'INTEGER') return sized(logical.bitWidth ?? 64, logical.isSigned ?? true);
  if (logical?.type === 'TIMESTAMP') {
    if (logical.isAdjustedToUTC) return 'TIMESTAMP WITH TIME ZONE';
    return logical.unit === 'NANOS' ? 'TIMESTAMP_NS' : 'TIMESTAMP';
  }
  if (logical?.type === 'TIME') {
    if (logical.isAdjustedToUTC) return 'TIME WITH TIME ZONE';
    return logical.unit === 'NANOS' ? 'TIME_NS' : 'TIME';
  }
  switch (element.converted_type) {
    case 'DATE':
      return 'DATE';
    case 'TIME_MILLIS':
    case 'TIME_MICROS':
      return 'TIME';
    case 'TIMESTAMP_MILLIS':
    case 'TIMESTAMP_MICROS':
      return 'TIMESTAMP';
    case 'INT_8':
    case 'INT_16':
    case 'INT_32':
    case 'INT_64':
      return sized(Number(element.converted_type.slice(4)), true);
    case 'UINT_8':
    case 'UINT_16':
    case 'UINT_32':
    case 'UINT_64':
      return sized(Number(element.converted_type.slice(5)), false);
    default:
      return logical?.type === 'DATE' ? 'DATE' : plain;
  }
}

function sized(bits: number, signed: boolean): string {
  const name = { 8: 'TINYINT', 16: 'SMALLINT', 32: 'INTEGER', 64: 'BIGINT' }[bits] ?? 'BIGINT';
  return signed ? name : `U${name}`;
}

function byteArrayType(element: SchemaElement): string {
  if (element.logical_type?.type === 'GEOMETRY')
    return element.logical_type.crs === undefined
      ? plainGeometry
      : `GEOMETRY('${element.logical_type.crs.replaceAll("'", "''")}')`;
  const annotation = element.converted_type ?? element.logical_type?.type;
  if (annotation === 'JSON') return 'JSON';
  return annotation === 'UTF8' || annotation === 'STRING' || annotation === 'ENUM' ? 'VARCHAR' : 'BLOB';
}

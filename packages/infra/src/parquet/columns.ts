import type { SchemaElement } from 'hyparquet';
import { busError } from '../errors.js';

/** A top-level column of a Parquet file. */
export interface ParquetColumn {
  name: string;
  /** The type that DuckDB gives the column, such as `BIGINT`, `DECIMAL(18,2)` or `STRUCT("a" INTEGER, "b" VARCHAR[])`. */
  type: string;
  /** False when the file declares that the column has no NULL. */
  nullable: boolean;
}

const maxElements = 20_000;
const maxDepth = 32;

interface Node {
  element: SchemaElement;
  children: Node[];
}

/**
 * The top-level columns of a Parquet schema with their DuckDB types. The schema is a flattened tree, depth first
 * (https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift); how types map follows DuckDB's reader, and a test holds this
 * function against it.
 *
 * @throws BusError `NOT_PARQUET` when the tree does not add up or is nested too deep.
 */
export function columnsOf(schema: readonly SchemaElement[]): ParquetColumn[] {
  if (schema.length > maxElements) throw invalid(`it has ${schema.length} elements; ${maxElements} are allowed`);
  let next = 0;
  const take = (depth: number): Node => {
    const element = schema[next++];
    if (element === undefined) throw invalid('it ends before all columns are named');
    if (depth > maxDepth) throw invalid(`it is nested more than ${maxDepth} levels deep`);
    const count = element.num_children ?? 0;
    if (count < 0 || count > schema.length) throw invalid('a group claims more columns than there are');
    return { element, children: Array.from({ length: count }, () => take(depth + 1)) };
  };
  const root = take(0);
  if (next !== schema.length) throw invalid('elements are left over');
  return root.children.map(node => ({
    name: node.element.name,
    type: repeatable(node),
    nullable: node.element.repetition_type === 'OPTIONAL',
  }));
}

/** A repeated field outside of a LIST or MAP group is a list by itself (the format's backward compatibility rules). */
const repeatable = (node: Node): string =>
  node.element.repetition_type === 'REPEATED' ? `${typeOf(node)}[]` : typeOf(node);

function typeOf(node: Node): string {
  const { element, children } = node;
  if (children.length === 0) return leafType(element);
  const annotation = element.converted_type ?? element.logical_type?.type;
  const [only] = children;
  if (annotation === 'LIST' && children.length === 1 && only?.element.repetition_type === 'REPEATED') {
    return `${listElementType(element, only)}[]`;
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

/** The middle level of a three-level list has one child; two-level lists of older writers have the element right there. */
function listElementType(list: SchemaElement, repeated: Node): string {
  const [child] = repeated.children;
  const legacyStruct = repeated.element.name === 'array' || repeated.element.name === `${list.name}_tuple`;
  if (repeated.children.length === 1 && child !== undefined && !legacyStruct) return repeatable(child);
  return typeOf(repeated);
}

const structType = (children: Node[]): string =>
  `STRUCT(${children.map(child => `${quote(child.element.name)} ${repeatable(child)}`).join(', ')})`;

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
      throw invalid(`the column ${quote(element.name)} has no type`);
  }
}

function decimalType(element: SchemaElement): string {
  const logical = element.logical_type;
  const [precision, scale] =
    logical?.type === 'DECIMAL' ? [logical.precision, logical.scale] : [element.precision ?? 0, element.scale ?? 0];
  return precision > 38 ? 'DOUBLE' : `DECIMAL(${precision},${scale})`;
}

function integerType(element: SchemaElement, plain: 'INTEGER' | 'BIGINT'): string {
  const logical = element.logical_type;
  if (logical?.type === 'INTEGER') return sized(logical.bitWidth, logical.isSigned);
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
  const annotation = element.converted_type ?? element.logical_type?.type;
  if (annotation === 'JSON') return 'JSON';
  return annotation === 'UTF8' || annotation === 'STRING' || annotation === 'ENUM' ? 'VARCHAR' : 'BLOB';
}

const invalid = (sentence: string) => busError('NOT_PARQUET', `The footer's schema cannot be read: ${sentence}.`);

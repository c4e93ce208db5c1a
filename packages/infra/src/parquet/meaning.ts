import { arrowOnlyTypes, arrowSchemaKey } from './arrow-schema.js';
import { columnsOf, foldName, holdsPairs, leafType, nullType, type ParquetColumn, sizedInteger } from './columns.js';
import { meaningRules } from './meaning-rules.js';
import type { SchemaElement } from './schema-element.js';
import type { SchemaNode } from './schema-tree.js';

/** A column whose meaning DuckDB changes. */
export interface ColumnFault {
  /** The column, or the path of a field in it: `a.b`. */
  path: string;
  /** The top-level column, by DuckDB's name. */
  column: string;
  /** Whether a reader still gets the values: only a unit or a made-up name is lost. */
  keepsValues: boolean;
  /** What the file means, and what DuckDB reads. */
  problem: string;
  /** What to write instead. */
  hint: string;
}

/** What a table must know about a file's schema besides its columns. */
export interface SchemaMeaning {
  faults: readonly ColumnFault[];
  /**
   * Top-level columns in nanoseconds, of which DuckDB keeps microseconds, by DuckDB's names. Their
   * values must be checked.
   */
  nanosecondColumns: readonly string[];
  /**
   * Top-level columns with a DECIMAL or an integer of which DuckDB may keep only the lower bits, or
   * with a time in UTC, by DuckDB's names. Their values must be checked.
   */
  narrowedColumns: readonly string[];
  /** Whether DuckDB renames a column or field, because two share a name. */
  hasRenamedColumns: boolean;
}

/**
 * Compares the meaning of a file's schema with what DuckDB reads. By the format, a logical type
 * precedes a converted one (https://github.com/apache/parquet-format/blob/master/LogicalTypes.md).
 */
export function meaningOf(root: SchemaNode, keyValue: Readonly<Record<string, string>>): SchemaMeaning {
  const faults: ColumnFault[] = [];
  const nanosecondColumns = new Set<string>();
  const narrowedColumns = new Set<string>();
  const columns = columnsOf(root, keyValue);
  const typeOf = new Map(root.children.map((node, index) => [node, columns[index]?.type]));
  let hasRenamedColumns = false;
  const look = (node: SchemaNode, path: string, column: string, parent?: SchemaNode): void => {
    const { element, children } = node;
    hasRenamedColumns ||= hasDoubledNames(children);
    const named = parent === undefined && element.name === '' ? clashFault(column, root) : nameFault(element);
    const fault =
      named ??
      (children.length > 0 ? groupFault(node, parent) : leafFault(element, typeOf.get(node) ?? leafType(element)));
    if (fault !== undefined) faults.push({ path, column, keepsValues: element.name === '', ...fault });
    else if (isFinerThanRead(element)) nanosecondColumns.add(column);
    else if (keptIntegers(element) !== undefined) narrowedColumns.add(column);
    for (const child of children) look(child, `${path}.${child.element.name}`, column, node);
  };
  hasRenamedColumns = hasDoubledNames(root.children);
  for (const [index, child] of root.children.entries()) {
    const { name } = columns[index] as ParquetColumn;
    look(child, name, name);
  }
  for (const [path, type] of arrowOnlyTypes(keyValue[arrowSchemaKey] ?? ''))
    faults.push({
      path,
      column: path.split('.', 1)[0] as string,
      keepsValues: true,
      problem: `is ${type}, which Parquet has no type for`,
      hint: meaningRules.arrowOnly.instead,
    });
  return {
    faults,
    nanosecondColumns: [...nanosecondColumns],
    narrowedColumns: [...narrowedColumns],
    hasRenamedColumns,
  };
}

type Fault = Pick<ColumnFault, 'problem' | 'hint'>;

const hasDoubledNames = (nodes: readonly SchemaNode[]): boolean =>
  new Set(nodes.map(({ element }) => foldName(element.name))).size < nodes.length;

/** DuckDB makes up a name for an unnamed column without checking that the name is free. */
const clashFault = (name: string, root: SchemaNode): Fault | undefined =>
  root.children.some(({ element }) => foldName(element.name) === foldName(name))
    ? { problem: 'has no name, and DuckDB gives it the name of another column', hint: meaningRules.noName.instead }
    : undefined;

function nameFault({ name }: SchemaElement): Fault | undefined {
  const { noName, notUtf8, nul } = meaningRules;
  if (name === '') return { problem: 'has no name', hint: noName.instead };
  if (name.includes('\uFFFD')) return { problem: 'has a name that is not valid UTF-8', hint: notUtf8.instead };
  if (name.includes('\0')) return { problem: 'has a name with a NUL character', hint: nul.instead };
  return undefined;
}

/** DuckDB recognises lists and maps by the converted type only. */
function groupFault({ element, children }: SchemaNode, parent: SchemaNode | undefined): Fault | undefined {
  const { logical_type, converted_type } = element;
  const { type } = logical_type ?? {};
  const unknown = unknownConverted(element);
  if (unknown !== undefined) return { problem: unknown, hint: meaningRules.unreadable.instead };
  if (holdsPairs(element, parent) && children.length !== 2)
    return {
      problem: `holds the pairs of a MAP with ${children.length} columns instead of 2, which DuckDB cannot read`,
      hint: meaningRules.pairs.instead,
    };
  if (converted_type !== undefined || (type !== 'LIST' && type !== 'MAP')) return undefined;
  return {
    problem: `is a ${type} by its logical type alone, which DuckDB reads as a STRUCT`,
    hint: meaningRules.logicalGroup.instead,
  };
}

const intoInt32: readonly SchemaElement['type'][] = ['INT32'];
const intoInt64: readonly SchemaElement['type'][] = ['INT64'];
const intoBytes: readonly SchemaElement['type'][] = ['BYTE_ARRAY', 'FIXED_LEN_BYTE_ARRAY'];

/** The physical types that DuckDB reads with a converted type; without an entry all. */
const carriers: Partial<Record<NonNullable<SchemaElement['converted_type']>, readonly SchemaElement['type'][]>> = {
  UTF8: intoBytes,
  ENUM: intoBytes,
  DECIMAL: [...intoInt32, ...intoInt64, ...intoBytes],
  DATE: intoInt32,
  TIME_MILLIS: intoInt32,
  TIME_MICROS: intoInt64,
  TIMESTAMP_MILLIS: intoInt64,
  TIMESTAMP_MICROS: intoInt64,
  UINT_8: intoInt32,
  UINT_16: intoInt32,
  UINT_32: intoInt32,
  UINT_64: intoInt64,
  INT_8: intoInt32,
  INT_16: intoInt32,
  INT_32: intoInt32,
  INT_64: intoInt64,
  BSON: [],
  LIST: [],
  MAP: [],
  MAP_KEY_VALUE: [],
};

/** Whether DuckDB looks at the logical type alone. */
const precedes = ({ type, logical_type }: SchemaElement): boolean =>
  ['NULL', 'TIME', 'TIMESTAMP'].includes(logical_type?.type ?? '') ||
  (type === 'FIXED_LEN_BYTE_ARRAY' && ['UUID', 'FLOAT16'].includes(logical_type?.type ?? ''));

const bytesOf = { INTERVAL: 12, UUID: 16 };

/** @param columnType the type of the leaf, also by the metadata of the file. */
function leafFault(element: SchemaElement, columnType: string): Fault | undefined {
  const { type, converted_type: annotation, logical_type: logical } = element;
  if (element.repetition_type === 'REPEATED' && columnType.startsWith('GEOMETRY'))
    return {
      problem: 'is a repeated GEOMETRY, of which DuckDB reads one value per row, also of other rows',
      hint: meaningRules.repeated.instead,
    };
  const undecodable = unknownConverted(element) ?? decimalFault(element);
  if (undecodable !== undefined) return { problem: undecodable, hint: meaningRules.unreadable.instead };
  if (annotation !== undefined && !precedes(element) && carriers[annotation]?.includes(element.type) === false)
    return {
      problem: `is a ${annotation} in ${element.type}, which DuckDB cannot read`,
      hint: meaningRules.unreadable.instead,
    };
  if (type === 'INT32' && (logical?.type === 'TIMESTAMP' || (logical?.type === 'TIME' && logical.unit !== 'MILLIS')))
    return {
      problem: `is a ${logical.type} in INT32, which DuckDB cannot read`,
      hint: meaningRules.unreadable.instead,
    };
  const isUuid = logical?.type === 'UUID' && type === 'FIXED_LEN_BYTE_ARRAY';
  const fixed = annotation === 'INTERVAL' ? annotation : isUuid ? 'UUID' : undefined;
  if (fixed !== undefined && element.type_length !== bytesOf[fixed])
    return {
      problem: `is ${fixed} of ${element.type_length} bytes; the format has ${bytesOf[fixed]}`,
      hint: meaningRules.length.instead,
    };
  if (element.logical_type?.type === 'TIME' && isUtcNanoseconds(element))
    return {
      problem: 'is a time of day in UTC with nanoseconds; DuckDB has microseconds',
      hint: meaningRules.timeOfDay.instead,
    };
  const meant = meantType(element);
  if (meant === undefined) return undefined;
  if (meant.startsWith('DECIMAL') && decimalPrecision(element) > 38)
    return { problem: `is a ${meant}; DuckDB has at most 38 digits`, hint: meaningRules.wideDecimal.instead };
  const read = leafType(element);
  if (meant === read || wider[meant] === read) return undefined;
  return {
    problem: `is ${meant} by its logical type, which DuckDB reads as ${read}`,
    hint: meaningRules.logicalLeaf.instead,
  };
}

const unknownConverted = ({ unknown_converted_type: number }: SchemaElement): string | undefined =>
  number === undefined
    ? undefined
    : `has the converted type ${number}, which is none of the format's; DuckDB cannot read it`;

/** The format reads a missing scale as 0. DuckDB requires the scale. */
function decimalFault({ converted_type, logical_type, ...element }: SchemaElement): string | undefined {
  if (converted_type !== 'DECIMAL') return undefined;
  if (element.precision === undefined || element.scale === undefined)
    return `is a DECIMAL whose ${element.precision === undefined ? 'precision' : 'scale'} is left out, which DuckDB cannot read`;
  const { precision = 0, scale = 0 } = logical_type?.type === 'DECIMAL' ? logical_type : element;
  if (precision >= 1 && scale >= 0 && scale <= precision) return undefined;
  return `is a DECIMAL(${precision},${scale}), which the format does not allow`;
}

const decimalPrecision = ({ logical_type, precision = 0 }: SchemaElement): number =>
  logical_type?.precision ?? precision;

/** Integers that DuckDB reads as wider ones, with the same values. */
const wider: Record<string, string> = { TINYINT: 'INTEGER', SMALLINT: 'INTEGER' };

/**
 * Returns the meaning of a leaf by its logical type, as DuckDB would name it; undefined if it
 * changes nothing.
 */
function meantType({ logical_type, converted_type, ...element }: SchemaElement): string | undefined {
  switch (logical_type?.type) {
    case 'STRING':
    case 'ENUM':
      return 'VARCHAR';
    case 'JSON':
    case 'DATE':
    case 'UUID':
      return logical_type.type;
    case 'BSON':
      return 'BLOB';
    case 'NULL':
      return nullType;
    case 'DECIMAL':
      return `DECIMAL(${logical_type.precision},${logical_type.scale})`;
    case 'INTEGER':
      return sizedInteger(logical_type.bitWidth ?? 64, logical_type.isSigned ?? true);
    default:
      return converted_type === 'DECIMAL' ? `DECIMAL(${element.precision ?? 0},${element.scale ?? 0})` : undefined;
  }
}

/** DuckDB keeps nanoseconds only for times and timestamps without a zone. */
const isUtcNanoseconds = ({ logical_type }: SchemaElement): boolean =>
  logical_type?.unit === 'NANOS' && logical_type.isAdjustedToUTC === true;

/** Whether the values must be checked. */
const isFinerThanRead = (element: SchemaElement): boolean =>
  element.type === 'INT96' || (element.logical_type?.type === 'TIMESTAMP' && isUtcNanoseconds(element));

/**
 * Returns the smallest and the largest integer that DuckDB keeps of a leaf that it reads into a
 * shorter type: of any other it keeps the lower bits, and of a time in UTC the time within a day.
 * Undefined if it keeps all.
 */
export function keptIntegers({
  type,
  logical_type: logical,
  converted_type: converted = '',
  precision = 0,
}: NarrowedElement): readonly [number, number] | undefined {
  if (logical?.type === 'TIME' && logical.isAdjustedToUTC === true) return timesOfDay[logical.unit ?? ''];
  if (converted === 'DECIMAL') {
    const isNarrowed = (type === 'INT32' && precision <= 4) || (type === 'INT64' && precision <= 9);
    return isNarrowed ? [1 - 10 ** precision, 10 ** precision - 1] : undefined;
  }
  return type === 'INT32' ? shortIntegers[converted] : undefined;
}

/** Some writers extend the sign of unsigned integers, too. */
const shortIntegers: Readonly<Record<string, readonly [number, number]>> = {
  INT_8: [-128, 127],
  INT_16: [-32_768, 32_767],
  UINT_8: [-128, 255],
  UINT_16: [-32_768, 65_535],
};

const timesOfDay: Readonly<Record<string, readonly [number, number]>> = {
  MILLIS: [0, 86_400_000],
  MICROS: [0, 86_400_000_000],
};

/** An element of a schema, as any reader returns it. */
type NarrowedElement = Partial<Record<'type' | 'converted_type', string>> & {
  precision?: number;
  logical_type?: { type: string; isAdjustedToUTC?: boolean; unit?: string };
};

import { arrowOnlyTypes, arrowSchemaKey } from './arrow-schema.js';
import { foldName, leafType, nullType, sizedInteger } from './columns.js';
import { meaningRules } from './meaning-rules.js';
import type { SchemaElement } from './schema-element.js';
import type { SchemaNode } from './schema-tree.js';

/** A column whose meaning DuckDB changes. */
export interface ColumnFault {
  /** The column, or the path of a field in it: `a.b`. */
  path: string;
  /** The top-level column. */
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
   * Top-level columns in nanoseconds, of which DuckDB keeps microseconds. Their values must be
   * checked.
   */
  nanosecondColumns: readonly string[];
  /** Whether DuckDB renames a column or field, because two share a name. */
  hasRenamedColumns: boolean;
}

/**
 * Compares the meaning of a file's schema with what DuckDB reads. By the format, a logical type
 * precedes a converted one (https://github.com/apache/parquet-format/blob/master/LogicalTypes.md).
 */
export function meaningOf(root: SchemaNode, keyValue: Readonly<Record<string, string>>): SchemaMeaning {
  const faults: ColumnFault[] = [];
  const nanosecondColumns: string[] = [];
  let hasRenamedColumns = false;
  const look = (node: SchemaNode, path: string, column: string): void => {
    const { element, children } = node;
    hasRenamedColumns ||= hasDoubledNames(children);
    const named = nameFault(element);
    const fault = named ?? (children.length > 0 ? groupFault(element) : leafFault(element));
    if (fault !== undefined) faults.push({ path, column, keepsValues: element.name === '', ...fault });
    else if (isFinerThanRead(element) && !nanosecondColumns.includes(column)) nanosecondColumns.push(column);
    for (const child of children) look(child, `${path}.${child.element.name}`, column);
  };
  hasRenamedColumns = hasDoubledNames(root.children);
  for (const child of root.children) look(child, child.element.name, child.element.name);
  for (const [path, type] of arrowOnlyTypes(keyValue[arrowSchemaKey] ?? ''))
    faults.push({
      path,
      column: path.split('.', 1)[0] as string,
      keepsValues: true,
      problem: `is ${type}, which Parquet has no type for`,
      hint: meaningRules.arrowOnly.instead,
    });
  return { faults, nanosecondColumns, hasRenamedColumns };
}

type Fault = Pick<ColumnFault, 'problem' | 'hint'>;

const hasDoubledNames = (nodes: readonly SchemaNode[]): boolean =>
  new Set(nodes.map(({ element }) => foldName(element.name))).size < nodes.length;

function nameFault({ name }: SchemaElement): Fault | undefined {
  const { noName, notUtf8, nul } = meaningRules;
  if (name === '') return { problem: 'has no name', hint: noName.instead };
  if (name.includes('\uFFFD')) return { problem: 'has a name that is not valid UTF-8', hint: notUtf8.instead };
  if (name.includes('\0')) return { problem: 'has a name with a NUL character', hint: nul.instead };
  return undefined;
}

/** DuckDB recognises lists and maps by the converted type only. */
function groupFault({ logical_type, converted_type }: SchemaElement): Fault | undefined {
  const { type } = logical_type ?? {};
  if (converted_type !== undefined || (type !== 'LIST' && type !== 'MAP')) return undefined;
  return {
    problem: `is a ${type} by its logical type alone, which DuckDB reads as a STRUCT`,
    hint: meaningRules.logicalGroup.instead,
  };
}

function leafFault(element: SchemaElement): Fault | undefined {
  if (element.converted_type === 'INTERVAL' && element.type_length !== 12)
    return {
      problem: `is an INTERVAL of ${element.type_length} bytes; the format has 12`,
      hint: meaningRules.interval.instead,
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

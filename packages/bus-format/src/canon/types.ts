import { nullType } from '@quantbot/infra';
import { type NestedType, nestedText, parseNested } from './nested-type.js';

/**
 * The types of canonical columns: the type of a new column, the types of files that fit it, and the
 * types it widens to.
 */

const signed = ['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT'];
const unsigned = ['UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT'];
const exactInDouble = new Set(['TINYINT', 'SMALLINT', 'INTEGER', 'UTINYINT', 'USMALLINT', 'UINTEGER', 'FLOAT']);

/**
 * Returns the type of a table's column for the first file that has it: wide enough for later files.
 */
export function canonicalType(type: string): string {
  if (signed.includes(type) || ['UTINYINT', 'USMALLINT', 'UINTEGER'].includes(type)) return 'BIGINT';
  if (type === 'FLOAT') return 'DOUBLE';
  // DuckDB checks text of type JSON, and text of other writers would fail.
  return type === 'JSON' ? 'VARCHAR' : type;
}

/** Returns whether each value of a file's type can be read as the table's type without loss. */
export function fits(fileType: string, tableType: string): boolean {
  return fileType === tableType || fitsPlain(fileType, tableType) || closed(tableType, fileType) === tableType;
}

function fitsPlain(fileType: string, tableType: string): boolean {
  if (tableType === 'VARCHAR') return fileType === 'JSON';
  if (tableType === 'DOUBLE') return exactInDouble.has(fileType);
  if (tableType === 'UBIGINT') return unsigned.includes(fileType);
  if (signed.includes(tableType)) return integerBits(fileType) <= integerBits(tableType);
  const [file, table] = [decimalOf(fileType), decimalOf(tableType)];
  return file !== undefined && table !== undefined && table.scale >= file.scale && table.digits >= file.digits;
}

/**
 * Returns the type that holds the values of both the table and the file without loss; undefined for
 * a mismatch.
 */
export function widened(tableType: string, fileType: string): string | undefined {
  if (fits(fileType, tableType)) return tableType;
  const known = closed(tableType, fileType);
  if (known !== undefined) return known;
  const [file, table] = [decimalOf(fileType), decimalOf(tableType)];
  if (file === undefined || table === undefined) return undefined;
  const scale = Math.max(file.scale, table.scale);
  const precision = Math.max(file.digits, table.digits) + scale;
  return precision <= 38 ? `DECIMAL(${precision},${scale})` : undefined;
}

/**
 * Merges two types where one has `"NULL"` in places that only NULL has reached: `"NULL"[]` and
 * `VARCHAR[]` give `VARCHAR[]`. Returns undefined if they differ in anything else.
 */
function closed(tableType: string, fileType: string): string | undefined {
  if (!tableType.includes(nullType) && !fileType.includes(nullType)) return undefined;
  if (tableType === nullType) return canonicalType(fileType);
  const merged = merge(parseNested(tableType), parseNested(fileType));
  return merged && nestedText(merged);
}

function merge(table: NestedType, file: NestedType): NestedType | undefined {
  if (isOpen(file)) return table;
  if (isOpen(table)) return file;
  if (table.kind === 'list' && file.kind === 'list') {
    const of = merge(table.of, file.of);
    return of && { kind: 'list', of };
  }
  if (table.kind === 'map' && file.kind === 'map') {
    const [key, value] = [merge(table.key, file.key), merge(table.value, file.value)];
    return key && value && { kind: 'map', key, value };
  }
  if (table.kind === 'struct' && file.kind === 'struct' && table.fields.length === file.fields.length) {
    const fields = table.fields.flatMap((field, i) => {
      const other = file.fields[i];
      const type = other?.name === field.name ? merge(field.type, other.type) : undefined;
      return type === undefined ? [] : [{ name: field.name, type }];
    });
    return fields.length === table.fields.length ? { kind: 'struct', fields } : undefined;
  }
  return nestedText(table) === nestedText(file) ? table : undefined;
}

const isOpen = (type: NestedType): boolean => type.kind === 'plain' && type.text === nullType;

/** Whether a type is an integer of at most 64 bits. */
export const isInteger = (type: string): boolean => signed.includes(type) || unsigned.includes(type);

/** Whether a type is a DECIMAL. */
export const isDecimal = (type: string): boolean => decimalOf(type) !== undefined;

/** Returns the bits of the signed integer that holds the type; infinite for other types. */
function integerBits(type: string): number {
  const bits = 8 * 2 ** signed.indexOf(type);
  if (signed.includes(type)) return bits;
  return unsigned.includes(type) ? 8 * 2 ** unsigned.indexOf(type) + 1 : Number.POSITIVE_INFINITY;
}

/** Returns the scale of a decimal and its digits before the point. */
function decimalOf(type: string): { digits: number; scale: number } | undefined {
  const match = /^DECIMAL\((\d+),(\d+)\)$/.exec(type);
  if (match === null) return undefined;
  return { digits: Number(match[1]) - Number(match[2]), scale: Number(match[2]) };
}

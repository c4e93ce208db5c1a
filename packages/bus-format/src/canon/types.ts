import { foldName, nullType } from '@quantbot/infra/bus';
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
  return fileType === tableType || fitsPlain(fileType, tableType) || joined(tableType, fileType) === tableType;
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
  return joined(tableType, fileType) ?? widenedDecimal(tableType, fileType);
}

/**
 * By type of a table's column, the type that it widens to for a file of that type, provided that
 * each value so far is exact in it.
 */
export const widerByValues: Readonly<Record<string, string>> = {
  BIGINT: 'DOUBLE',
  UBIGINT: 'DOUBLE',
  DATE: 'TIMESTAMP',
};

function widenedDecimal(tableType: string, fileType: string): string | undefined {
  const [file, table] = [decimalOf(fileType), decimalOf(tableType)];
  if (file === undefined || table === undefined) return undefined;
  const scale = Math.max(file.scale, table.scale);
  const precision = Math.max(file.digits, table.digits) + scale;
  return precision <= 38 ? `DECIMAL(${precision},${scale})` : undefined;
}

/**
 * Returns the type that holds the values of two nested types, or of types with `"NULL"` in places
 * that only NULL has reached: `"NULL"[]` and `VARCHAR[]` give `VARCHAR[]`. A struct has the fields
 * of both, first those of the table. Returns undefined if there is none, or if neither is nested.
 */
function joined(tableType: string, fileType: string): string | undefined {
  if (![tableType, fileType].some(type => /[\])]$|NULL/.test(type) && !/^DECIMAL\(\d+,\d+\)$/.test(type)))
    return undefined;
  if (tableType === nullType) return canonicalType(fileType);
  const both = join(parseNested(tableType), parseNested(fileType));
  return both && nestedText(both);
}

function join(table: NestedType, file: NestedType): NestedType | undefined {
  if (isOpen(file)) return table;
  if (isOpen(table)) return file;
  if (table.kind === 'list' && file.kind === 'list') {
    const of = join(table.of, file.of);
    return of && { kind: 'list', of };
  }
  if (table.kind === 'map' && file.kind === 'map') {
    const [key, value] = [join(table.key, file.key), join(table.value, file.value)];
    return key && value && { kind: 'map', key, value };
  }
  if (table.kind === 'struct' && file.kind === 'struct') return joinedFields(table.fields, file.fields);
  if (table.kind !== 'plain' || file.kind !== 'plain') return undefined;
  return joinedLeaf(table.text, file.text);
}

function joinedLeaf(table: string, file: string): NestedType | undefined {
  if (table === file || fitsPlain(file, table)) return { kind: 'plain', text: table };
  const text = fitsPlain(table, file) ? file : widenedDecimal(table, file);
  return text === undefined ? undefined : { kind: 'plain', text };
}

type Fields = Extract<NestedType, { kind: 'struct' }>['fields'];

/** DuckDB casts a struct by the names of its fields, in any case, and needs one in common. */
function joinedFields(table: Fields, file: Fields): NestedType | undefined {
  const brought = new Map(file.map(field => [foldName(field.name), field]));
  const known = new Set(table.map(({ name }) => foldName(name)));
  const fields: { name: string; type: NestedType }[] = [];
  let common = 0;
  for (const { name, type } of table) {
    const other = brought.get(foldName(name));
    const both = other === undefined ? type : other.name === name ? join(type, other.type) : undefined;
    if (both === undefined) return undefined;
    if (other !== undefined) common++;
    fields.push({ name, type: both });
  }
  const added = file.filter(({ name }) => !known.has(foldName(name)));
  return common === 0 ? undefined : { kind: 'struct', fields: [...fields, ...added] };
}

/** Returns the number of fields of the structs in a type. */
export function fieldsIn(type: string): number {
  const count = (nested: NestedType): number => {
    if (nested.kind === 'list') return count(nested.of);
    if (nested.kind === 'map') return count(nested.key) + count(nested.value);
    return nested.kind === 'struct' ? nested.fields.reduce((sum, field) => sum + 1 + count(field.type), 0) : 0;
  };
  return count(parseNested(type));
}

const isOpen = (type: NestedType): boolean => type.kind === 'plain' && type.text === nullType;

/** Whether a type is an integer of at most 64 bits. */
export const isInteger = (type: string): boolean => signed.includes(type) || unsigned.includes(type);

/** Whether a type is a binary floating-point number. */
export const isFloat = (type: string): boolean => type === 'FLOAT' || type === 'DOUBLE';

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

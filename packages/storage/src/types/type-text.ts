import {
  DuckDBArrayType,
  DuckDBDecimalType,
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
  DuckDBUnionType,
} from '@duckdb/node-api';
import { identifier } from '@quantbot/bus-format/sql';

/**
 * Returns the name of a type without parts; `depth` is 0 for a column's own type. If it returns
 * undefined, the whole type has no name.
 */
export type LeafText = (type: DuckDBType, depth: number) => string | undefined;

/** Returns the text for an ARRAY's length; Parquet has lists only. */
export type SizeText = (length: number) => string;

/** Returns a type as SQL, with leaves named by the caller; undefined if a leaf has no name. */
export function typeText(
  type: DuckDBType,
  leaf: LeafText,
  depth = 0,
  size: SizeText = length => `[${length}]`,
): string | undefined {
  const part = (inner: DuckDBType) => typeText(inner, leaf, depth + 1, size);
  if (type instanceof DuckDBListType) return suffixed(part(type.valueType), '[]');
  if (type instanceof DuckDBArrayType) return suffixed(part(type.valueType), size(type.length));
  if (type instanceof DuckDBMapType) {
    const [key, value] = [part(type.keyType), part(type.valueType)];
    return key && value && `MAP(${key}, ${value})`;
  }
  if (type instanceof DuckDBStructType) return fieldsText('STRUCT', type.entryNames, type.entryTypes.map(part));
  if (type instanceof DuckDBUnionType) return fieldsText('UNION', type.memberTags, type.memberTypes.map(part));
  return leaf(type, depth);
}

const suffixed = (text: string | undefined, suffix: string): string | undefined => text && `${text}${suffix}`;

function fieldsText(kind: string, names: readonly string[], types: readonly (string | undefined)[]) {
  const fields = types.map((type, index) => (names[index] && type ? `${identifier(names[index])} ${type}` : undefined));
  return fields.includes(undefined) ? undefined : `${kind}(${fields.join(', ')})`;
}

/** Names a leaf exactly as DuckDB does. */
export const exactType: LeafText = type =>
  type instanceof DuckDBDecimalType ? `DECIMAL(${type.width},${type.scale})` : (type.alias ?? type.toString());

/**
 * Names a leaf so that a view may use it. DuckDB cannot store a view that names an ENUM, or a
 * GEOMETRY with a coordinate system, within another type. VARCHAR and a plain GEOMETRY replace
 * them.
 */
export const viewType: LeafText = (type, depth) => {
  if (depth > 0 && type.typeId === DuckDBTypeId.ENUM) return 'VARCHAR';
  return depth > 0 && type.typeId === DuckDBTypeId.GEOMETRY ? 'GEOMETRY' : exactType(type, depth);
};

/** Whether a condition holds for a type or any of its parts. */
export const hasPart = (type: DuckDBType, is: (part: DuckDBType) => boolean): boolean =>
  is(type) || partsOf(type).some(part => hasPart(part, is));

function partsOf(type: DuckDBType): readonly DuckDBType[] {
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) return [type.valueType];
  if (type instanceof DuckDBMapType) return [type.keyType, type.valueType];
  if (type instanceof DuckDBStructType) return type.entryTypes;
  return type instanceof DuckDBUnionType ? type.memberTypes : [];
}

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
 * Names a type that has no parts; `depth` is 0 for a column's own type. Undefined: the whole type
 * has no name then.
 */
export type LeafText = (type: DuckDBType, depth: number) => string | undefined;

/** How many elements an ARRAY has, as its type says it; Parquet has lists only. */
export type SizeText = (length: number) => string;

/**
 * A type as SQL writes it, with the leaves named by the caller; undefined when one of them has no
 * name.
 */
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

/** A type exactly as the old table has it. */
export const exactType: LeafText = type =>
  type instanceof DuckDBDecimalType ? `DECIMAL(${type.width},${type.scale})` : (type.alias ?? type.toString());

/**
 * A type as a view may name it. DuckDB commits no view that names an ENUM, or a GEOMETRY with a
 * coordinate system, within another type: text, and a plain GEOMETRY, stand there.
 */
export const viewType: LeafText = (type, depth) => {
  if (depth > 0 && type.typeId === DuckDBTypeId.ENUM) return 'VARCHAR';
  return depth > 0 && type.typeId === DuckDBTypeId.GEOMETRY ? 'GEOMETRY' : exactType(type, depth);
};

/** Whether a type has a part, or is one, of which a condition holds. */
export const hasPart = (type: DuckDBType, is: (part: DuckDBType) => boolean): boolean =>
  is(type) || partsOf(type).some(part => hasPart(part, is));

function partsOf(type: DuckDBType): readonly DuckDBType[] {
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) return [type.valueType];
  if (type instanceof DuckDBMapType) return [type.keyType, type.valueType];
  if (type instanceof DuckDBStructType) return type.entryTypes;
  return type instanceof DuckDBUnionType ? type.memberTypes : [];
}

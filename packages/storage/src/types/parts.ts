import * as api from '@duckdb/node-api';
import { literal } from '@quantbot/bus-format/sql';

/** Returns SQL that is true for certain values, given an expression for the value. */
export type Condition = (value: string) => string;

/** A type within a type, and how to reach its values. */
interface Part {
  type: api.DuckDBType;
  of: Condition;
  isList: boolean;
}

/** Returns the types of a list's elements, of a struct's fields, or of a map's keys and values. */
function partsIn(type: api.DuckDBType): Part[] | undefined {
  if (type instanceof api.DuckDBListType) return [{ type: type.valueType, of: list => list, isList: true }];
  if (type instanceof api.DuckDBArrayType)
    return [{ type: type.valueType, of: list => `CAST(${list} AS ${type.valueType}[])`, isList: true }];
  if (type instanceof api.DuckDBStructType)
    return type.entryTypes.map((entry, index) => {
      const field = type.entryNames[index] === '' ? index + 1 : literal(type.entryNames[index]!);
      return { type: entry, of: struct => `struct_extract(${struct}, ${field})`, isList: false };
    });
  if (type instanceof api.DuckDBMapType)
    return [
      { type: type.keyType, of: map => `map_keys(${map})`, isList: true },
      { type: type.valueType, of: map => `map_values(${map})`, isList: true },
    ];
  return undefined;
}

export const isNested = (type: api.DuckDBType): boolean => partsIn(type) !== undefined;

/** Returns the plain types within a type, or the type itself. */
export const partsOf = (type: api.DuckDBType): api.DuckDBType[] =>
  partsIn(type)?.flatMap(part => partsOf(part.type)) ?? [type];

/** Returns a type and all types within it. */
export const typesIn = (type: api.DuckDBType): api.DuckDBType[] => [
  type,
  ...(partsIn(type)?.flatMap(part => typesIn(part.type)) ?? []),
];

/**
 * Returns a condition on the values of a type: it is true if it is true for any value within.
 *
 * @param conditionOf the condition on the values of a type, if it has one.
 * @returns undefined if no type within has a condition.
 */
export function whereAnyPart(
  type: api.DuckDBType,
  conditionOf: (part: api.DuckDBType) => Condition | undefined,
  depth = 0,
): Condition | undefined {
  const own = conditionOf(type);
  const conditions = (partsIn(type) ?? []).flatMap(({ type: within, of, isList }): Condition[] => {
    const condition = whereAnyPart(within, conditionOf, depth + 1);
    if (condition === undefined) return [];
    if (!isList) return [value => condition(of(value))];
    const item = `_v${depth}`;
    return [value => `(len(list_filter(${of(value)}, lambda ${item}: ${condition(item)})) > 0)`];
  });
  if (own !== undefined) conditions.unshift(own);
  return conditions.length > 1 ? value => `(${conditions.map(one => one(value)).join(' OR ')})` : conditions[0];
}

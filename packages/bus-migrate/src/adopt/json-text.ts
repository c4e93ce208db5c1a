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
import { identifier, literal } from '@quantbot/bus-format';
import { exactType, type LeafText, typeText } from '@quantbot/storage/sandbox';

/** JSON readers keep this many digits of a number. */
const digitsOfNumber = 15;

/**
 * Returns the text of a leaf with all its content. JSON and wide DECIMALs become strings, because
 * `to_json` reformats the one, and readers cut the digits of the other.
 */
const safeLeaf: LeafText = (type, depth) => {
  if (type.typeId === DuckDBTypeId.VARIANT) return undefined;
  if (type.alias === 'JSON' || type.typeId === DuckDBTypeId.GEOMETRY) return 'VARCHAR';
  return type instanceof DuckDBDecimalType && type.width > digitsOfNumber ? 'VARCHAR' : exactType(type, depth);
};

/**
 * Returns SQL that turns a value with a UNION into JSON text; undefined if JSON cannot hold the
 * value.
 */
export function toJsonText(type: DuckDBType, value: string): string | undefined {
  const safe = typeText(type, safeLeaf);
  return safe && `CAST(to_json(CAST(${value} AS ${safe})) AS VARCHAR)`;
}

/**
 * Returns SQL that restores the value from the JSON of {@link toJsonText}; `leaf` names the types.
 */
export function fromJson(type: DuckDBType, json: string, leaf: LeafText, depth = 0): string {
  const name = typeText(type, leaf, depth);
  const item = `_v${depth}`;
  const part = (inner: DuckDBType, value: string) => fromJson(inner, value, leaf, depth + 1);
  const unlessNull = (sql: string) =>
    `CASE WHEN json_type(${json}) IS NULL OR json_type(${json}) = 'NULL' THEN NULL ELSE ${sql} END`;
  if (type instanceof DuckDBUnionType) {
    const cases = type.memberTypes.map((member, index) => {
      const tag = type.memberTags[index] ?? '';
      const value = part(member, `json_extract(${json}, ${literal(pathOf(tag))})`);
      return `WHEN ${literal(tag)} THEN CAST(union_value(${identifier(tag)} := ${value}) AS ${name})`;
    });
    return unlessNull(`CASE json_keys(${json})[1] ${cases.join(' ')} END`);
  }
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) {
    const elements = `list_transform(CAST(${json} AS JSON[]), lambda ${item}: ${part(type.valueType, item)})`;
    return `CAST(${unlessNull(elements)} AS ${name})`; // DuckDB has no CASE of an ARRAY
  }
  if (type instanceof DuckDBStructType) {
    const fields = type.entryTypes.map((entry, index) => {
      const field = type.entryNames[index] ?? '';
      return `${identifier(field)} := ${part(entry, `json_extract(${json}, ${literal(pathOf(field))})`)}`;
    });
    return unlessNull(`CAST(struct_pack(${fields.join(', ')}) AS ${name})`);
  }
  if (type instanceof DuckDBMapType) {
    const [key, value] = [part(type.keyType, `to_json(${item}.key)`), part(type.valueType, `${item}.value`)];
    const entries = `list_transform(map_entries(CAST(${json} AS MAP(VARCHAR, JSON))), lambda ${item}: {'key': ${key}, 'value': ${value}})`;
    return unlessNull(`CAST(map_from_entries(${entries}) AS ${name})`);
  }
  return `CAST(json_extract_string(${json}, '$') AS ${name})`;
}

const pathOf = (field: string): string => `$."${field.replace(/[\\"]/g, '\\$&')}"`;

import { DuckDBListType, DuckDBMapType, DuckDBStructType, type DuckDBType, DuckDBTypeId } from '@duckdb/node-api';
import { identifier } from '@quantbot/bus-format/sql';

const mark = 'chr(65279)';

/**
 * Returns SQL for a value whose texts the binding gives back whole: it drops a byte order mark at
 * the beginning of each text, so such a text gets a second one. A MAP becomes a LIST of keys and
 * values, which is the same JSON. Undefined where there is no text in the type.
 */
export function keepMark(value: string, type: DuckDBType, depth = 0): string | undefined {
  if (type.typeId === DuckDBTypeId.VARCHAR)
    return `CASE WHEN starts_with(${value}, ${mark}) THEN concat(${mark}, ${value}) ELSE ${value} END`;
  const each = (list: string, element: string | undefined) =>
    element && `list_transform(${list}, lambda _v${depth}: ${element})`;
  const item = `_v${depth}`;
  if (type instanceof DuckDBListType) return each(value, keepMark(item, type.valueType, depth + 1));
  if (type instanceof DuckDBMapType)
    return each(
      `map_entries(${value})`,
      structWithMarks(item, ['key', 'value'], [type.keyType, type.valueType], depth + 1),
    );
  if (type instanceof DuckDBStructType) {
    const kept = structWithMarks(value, type.entryNames, type.entryTypes, depth);
    return kept && `CASE WHEN ${value} IS NOT NULL THEN ${kept} END`;
  }
  return undefined;
}

function structWithMarks(
  value: string,
  names: readonly string[],
  types: readonly DuckDBType[],
  depth: number,
): string | undefined {
  const fields = names.map((_, index) => `struct_extract_at(${value}, ${index + 1})`);
  const kept = fields.map((field, index) => keepMark(field, types[index] as DuckDBType, depth));
  // Fields without names of their own are refused as JSON.
  if (kept.every(field => field === undefined) || new Set(names).size < names.length || names.includes(''))
    return undefined;
  return `struct_pack(${names.map((name, i) => `${identifier(name)} := ${kept[i] ?? fields[i]}`).join(', ')})`;
}

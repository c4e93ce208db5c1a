import {
  DuckDBArrayType,
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
} from '@duckdb/node-api';
import { identifier, literal } from '@quantbot/bus-format/sql';
import { storageError } from '../errors.js';
import { maxTextBytes } from '../types/max-text.js';
import { tooLongText } from './too-long.js';

/** How to replace the values of a column, however deep they are nested. */
interface Replacement {
  /** Returns SQL for a value without parts, or undefined if it stays. */
  scalar(value: string, type: DuckDBType): string | undefined;
  /** Returns SQL for a MAP from its list of keys and values. */
  map(entries: string): string;
  /** Called for a value that lies too deep to be replaced. */
  tooDeep?(type: DuckDBType): void;
}

/** Each nested lambda doubles DuckDB's planning time, and no Parquet file has more nested lists. */
const maxLists = 16;

/**
 * Returns SQL that fails for a text that is too long for JavaScript. A MAP becomes a LIST of keys
 * and values, which is the same JSON. Returns undefined if the type has no text.
 *
 * @throws StorageError `TYPE_UNSUPPORTED` for text in more than 16 nested lists.
 */
export const shortTexts = (value: string, type: DuckDBType): string | undefined =>
  replaced(value, type, {
    scalar: (text, { typeId }) =>
      typeId === DuckDBTypeId.VARCHAR
        ? `CASE WHEN strlen(${text}) > ${maxTextBytes} THEN error(${literal(tooLongText)}) ELSE ${text} END`
        : undefined,
    map: entries => entries,
    tooDeep: ({ typeId }) => {
      if (typeId === DuckDBTypeId.VARCHAR)
        throw storageError('TYPE_UNSUPPORTED', `A column has text in more than ${maxLists} lists.`, {
          hint: 'CAST the column to VARCHAR.',
        });
    },
  });

/**
 * Returns SQL for DuckDB's text of a value. DuckDB cannot cast the first moments of TIMESTAMP_NS,
 * which lie before the first midnight of the type. The SQL takes their time of day from one day
 * later.
 */
export function castToText(value: string, type: DuckDBType): string {
  const exact = replaced(value, type, {
    scalar: (moment, { typeId }) => (typeId === DuckDBTypeId.TIMESTAMP_NS ? momentText(moment) : undefined),
    map: entries => `map_from_entries(${entries})`,
  });
  return `CAST(${exact ?? value} AS VARCHAR)`;
}

const momentText = (moment: string): string =>
  `CASE WHEN isfinite(${moment}) AND epoch_ns(${moment}) < -9223286400000000000 \
THEN '1677-09-21' || substr(CAST(make_timestamp_ns(epoch_ns(${moment}) + 86400000000000) AS VARCHAR), 11) \
ELSE CAST(${moment} AS VARCHAR) END`;

function replaced(value: string, type: DuckDBType, how: Replacement, depth = 0): string | undefined {
  const item = `_v${depth}`;
  const each = (list: string, element: string | undefined) =>
    element && `list_transform(${list}, lambda ${item}: ${element})`;
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType)
    return each(value, replaced(item, type.valueType, how, depth + 1));
  if (type instanceof DuckDBMapType) {
    const pair = { names: ['key', 'value'], types: [type.keyType, type.valueType] };
    const entries = each(`map_entries(${value})`, replacedFields(item, pair, how, depth + 1));
    return entries && how.map(entries);
  }
  if (type instanceof DuckDBStructType) {
    const fields = { names: type.entryNames, types: type.entryTypes };
    const struct = replacedFields(value, fields, how, depth);
    return struct && `CASE WHEN ${value} IS NOT NULL THEN ${struct} END`;
  }
  if (depth <= maxLists) return how.scalar(value, type);
  how.tooDeep?.(type);
  return undefined;
}

function replacedFields(
  value: string,
  { names, types }: { names: readonly string[]; types: readonly DuckDBType[] },
  how: Replacement,
  depth: number,
): string | undefined {
  const fields = names.map((_, index) => `struct_extract_at(${value}, ${index + 1})`);
  const kept = fields.map((field, index) => replaced(field, types[index] as DuckDBType, how, depth));
  // Fields without names of their own are refused as JSON.
  if (kept.every(field => field === undefined) || new Set(names).size < names.length || names.includes(''))
    return undefined;
  return `struct_pack(${names.map((name, i) => `${identifier(name)} := ${kept[i] ?? fields[i]}`).join(', ')})`;
}

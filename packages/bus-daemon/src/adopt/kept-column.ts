import {
  type DuckDBArrayType,
  type DuckDBListType,
  type DuckDBMapType,
  type DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
} from '@duckdb/node-api';
import { reservedColumns } from '../canon/evolve.js';
import { canonicalType } from '../canon/types.js';
import { identifier } from '../sql.js';

/** A column of an old table, and what becomes of it. */
export interface KeptColumn {
  /** In the old table. */
  name: string;
  /** In the old table. */
  type: string;
  /** In the canonical table. */
  canonName: string;
  /** Type in the Parquet file. */
  fileType: string;
  /** Type in the canonical table, unless that has one already. */
  canonType: string;
  /** How the value that goes into the file is made of the old one: SQL over the old table. */
  expression: string;
  /** How the old value is made of the canonical one again: SQL over the canonical table. */
  restored: string;
}

/** What Parquet can hold of each value of a column; asked of the rows themselves where the type alone does not tell. */
export interface ColumnFacts {
  /** HUGEINT: every value has at most 38 digits. */
  fitsDecimal: boolean;
  /** INTERVAL: no value is negative or finer than a millisecond. */
  fitsInterval: boolean;
}

/** What becomes of a column. Parquet changes some types without a word (HUGEINT becomes DOUBLE): those are written as what holds every digit. */
export function keptColumn(name: string, type: DuckDBType, facts: ColumnFacts, taken: ReadonlySet<string>): KeptColumn {
  const fileType = fileTypeOf(type, facts);
  const column = identifier(name);
  const oldType = type.alias ?? type.toString();
  const canonName = freeName(name, taken);
  const canonType = canonicalType(fileType ?? 'VARCHAR');
  const isKept = fileType === undefined || canonType === oldType; // of JSON text no UNION can be made again
  return {
    name,
    type: oldType,
    canonName,
    fileType: fileType ?? 'VARCHAR',
    canonType,
    expression: `CAST(${fileType === undefined ? `to_json(${column})` : column} AS ${fileType ?? 'VARCHAR'})`,
    restored: isKept ? identifier(canonName) : `CAST(${identifier(canonName)} AS ${oldType})`,
  };
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  if (!reservedColumns.has(name.toLowerCase())) return name;
  let free = `${name}_`;
  while (taken.has(free.toLowerCase())) free += '_';
  return free;
}

/** SQL that tells the {@link ColumnFacts} of a column; undefined where the type alone tells. */
export function factSql(name: string, type: DuckDBType): { fact: keyof ColumnFacts; sql: string } | undefined {
  const column = identifier(name);
  if (type.typeId === DuckDBTypeId.HUGEINT || type.typeId === DuckDBTypeId.UHUGEINT)
    return {
      fact: 'fitsDecimal',
      sql: `count(*) FILTER (${column} IS NOT NULL AND TRY_CAST(${column} AS DECIMAL(38,0)) IS NULL) = 0`,
    };
  if (type.typeId === DuckDBTypeId.INTERVAL)
    return {
      fact: 'fitsInterval',
      // 2^32 milliseconds are 1193 hours.
      sql: `count(*) FILTER (CAST(${column} AS VARCHAR) LIKE '%-%' OR extract('microseconds' FROM ${column}) % 1000 <> 0 OR extract('hour' FROM ${column}) >= 1193) = 0`,
    };
  return undefined;
}

/** The type as it is written; undefined when only JSON text can say it. */
function fileTypeOf(type: DuckDBType, facts: ColumnFacts): string | undefined {
  if (type.typeId === DuckDBTypeId.HUGEINT || type.typeId === DuckDBTypeId.UHUGEINT)
    return facts.fitsDecimal ? 'DECIMAL(38,0)' : 'VARCHAR';
  if (type.typeId === DuckDBTypeId.INTERVAL) return facts.fitsInterval ? 'INTERVAL' : 'VARCHAR';
  return nestedType(type);
}

/** Types that Parquet gives back as they were. */
const plain = new Set([
  'BOOLEAN',
  'TINYINT',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'UTINYINT',
  'USMALLINT',
  'UINTEGER',
  'UBIGINT',
  'FLOAT',
  'DOUBLE',
  'VARCHAR',
  'BLOB',
  'UUID',
  'DATE',
  'TIME',
  'TIME_NS',
  'TIMESTAMP',
  'TIMESTAMP_NS',
  'TIMESTAMP WITH TIME ZONE',
]);

/** Types of which the text says all; an offset of a TIME WITH TIME ZONE, for one, Parquet would lose. */
const asText: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.ENUM,
  DuckDBTypeId.BIT,
  DuckDBTypeId.BIGNUM,
  DuckDBTypeId.TIME_TZ,
  DuckDBTypeId.HUGEINT,
  DuckDBTypeId.UHUGEINT,
  DuckDBTypeId.INTERVAL,
]);

function nestedType(type: DuckDBType): string | undefined {
  const text = type.toString();
  if (plain.has(text) || type.typeId === DuckDBTypeId.DECIMAL) return text.replace(/,\s+/g, ',');
  if (asText.has(type.typeId)) return 'VARCHAR';
  switch (type.typeId) {
    case DuckDBTypeId.TIMESTAMP_S:
    case DuckDBTypeId.TIMESTAMP_MS:
      return 'TIMESTAMP';
    case DuckDBTypeId.LIST:
    case DuckDBTypeId.ARRAY: {
      const value = nestedType((type as DuckDBListType | DuckDBArrayType).valueType);
      return value && `${value}[]`;
    }
    case DuckDBTypeId.MAP: {
      const { keyType, valueType } = type as DuckDBMapType;
      const [key, value] = [nestedType(keyType), nestedType(valueType)];
      return key && value && `MAP(${key}, ${value})`;
    }
    case DuckDBTypeId.STRUCT:
      return structType(type as DuckDBStructType);
    default:
      return undefined; // UNION, VARIANT and whatever comes
  }
}

function structType({ entryNames, entryTypes }: DuckDBStructType): string | undefined {
  const fields = entryTypes.map((type, index) => {
    const [name = '', kept] = [entryNames[index], nestedType(type)];
    return name !== '' && kept !== undefined ? `${identifier(name)} ${kept}` : undefined;
  });
  return fields.includes(undefined) ? undefined : `STRUCT(${fields.join(', ')})`;
}

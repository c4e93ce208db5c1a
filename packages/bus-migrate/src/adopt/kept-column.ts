import { type DuckDBType, DuckDBTypeId } from '@duckdb/node-api';
import { identifier } from '@quantbot/bus-format';
import { canonicalType, reservedColumns } from '@quantbot/bus-format/canon';
import { foldName } from '@quantbot/infra/bus';
import { exactType, hasPart, type LeafText, typeText, viewType } from '@quantbot/storage/sandbox';
import { fromJson, toJsonText } from './json-text.js';

/** A column of an old table and its canonical column. */
export interface KeptColumn {
  /** Name in the old table. */
  name: string;
  /** Type in the old table. */
  type: string;
  /** Name in the canonical table. */
  canonName: string;
  /** Type in the Parquet file. */
  fileType: string;
  /** Type in the canonical table, unless that table exists already. */
  canonType: string;
  /** SQL over the old table that gives the value in the file. */
  expression: string;
  /** SQL over the canonical table that restores the old value, for a view. */
  restored: string;
  /**
   * SQL over the canonical table that restores the old value with its exact type. Its text is
   * compared with the old text.
   */
  checked?: string;
  /** Whether the canonical table holds the value as JSON text. */
  isJson?: boolean;
}

/**
 * What Parquet can hold of each value in a column. A query over the rows answers it if the type
 * alone does not.
 */
export interface ColumnFacts {
  /** HUGEINT: each value has at most 38 digits. */
  fitsDecimal: boolean;
  /** INTERVAL: no value is negative or finer than a millisecond. */
  fitsInterval: boolean;
  /** VARIANT: JSON shows the type of each value. */
  fitsJson: boolean;
}

const isVariant = ({ typeId }: DuckDBType): boolean => typeId === DuckDBTypeId.VARIANT;

/** Returns whether a type fits neither Parquet nor SQL over it, so that only JSON text is left. */
const needsJson = (type: DuckDBType): boolean =>
  hasPart(type, part => part.typeId === DuckDBTypeId.UNION || isVariant(part));

/**
 * Plans a column. Parquet silently changes some types (HUGEINT becomes DOUBLE), so they are written
 * as a type that holds every digit.
 */
export function keptColumn(name: string, type: DuckDBType, facts: ColumnFacts, taken: ReadonlySet<string>): KeptColumn {
  const column = identifier(name);
  const canonName = freeName(name, taken);
  const canon = identifier(canonName);
  const oldType = typeText(type, exactType) ?? type.toString();
  const fileType = needsJson(type) ? 'VARCHAR' : (fileTypeOf(type, facts) ?? 'VARCHAR');
  const canonType = canonicalType(fileType);
  const names = { name, type: oldType, canonName, fileType, canonType };
  if (isVariant(type)) {
    const restored = `CAST(CAST(${canon} AS JSON) AS VARIANT)`;
    const expression = `CASE WHEN ${column} IS NOT NULL THEN CAST(CAST(${column} AS JSON) AS VARCHAR) END`;
    return { ...names, expression, restored, checked: restored, isJson: true };
  }
  if (needsJson(type)) {
    const again = (leaf: LeafText) => fromJson(type, `CAST(${canon} AS JSON)`, leaf);
    const expression = toJsonText(type, column) ?? `CAST(to_json(${column}) AS VARCHAR)`;
    return { ...names, expression, restored: again(viewType), checked: again(exactType), isJson: true };
  }
  const as = (wanted: string) => (canonType === wanted ? canon : `CAST(${canon} AS ${wanted})`);
  const restored = as(typeText(type, viewType) ?? oldType);
  return { ...names, expression: `CAST(${column} AS ${fileType})`, restored, checked: as(oldType) };
}

/** Returns why a column's values cannot be kept and what to do; undefined if they can. */
export function problemOf(name: string, type: DuckDBType, facts: ColumnFacts): string | undefined {
  const column = identifier(name);
  if (isVariant(type))
    return facts.fitsJson
      ? undefined
      : `${name} is a VARIANT with types that JSON text does not distinguish (a date and its text look alike): decide with ALTER TABLE … ALTER ${column} TYPE JSON USING CAST(${column} AS JSON)`;
  return hasPart(type, isVariant)
    ? `${name} has a VARIANT inside ${type}: give it another type with ALTER TABLE … ALTER ${column} TYPE …`
    : undefined;
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  if (!reservedColumns.has(foldName(name))) return name;
  let free = `${name}_`;
  while (taken.has(foldName(free))) free += '_';
  return free;
}

/** Returns SQL for the {@link ColumnFacts} of a column; undefined if the type alone is enough. */
export function factSql(name: string, type: DuckDBType): { fact: keyof ColumnFacts; sql: string } | undefined {
  const column = identifier(name);
  const none = (condition: string) => `count(*) FILTER (${column} IS NOT NULL AND (${condition})) = 0`;
  if (type.typeId === DuckDBTypeId.HUGEINT || type.typeId === DuckDBTypeId.UHUGEINT)
    return { fact: 'fitsDecimal', sql: none(`TRY_CAST(${column} AS DECIMAL(38,0)) IS NULL`) };
  if (type.typeId === DuckDBTypeId.INTERVAL)
    return {
      fact: 'fitsInterval',
      // 2^32 milliseconds are 1193 hours.
      sql: none(
        `CAST(${column} AS VARCHAR) LIKE '%-%' OR extract('microseconds' FROM ${column}) % 1000 <> 0 OR extract('hour' FROM ${column}) >= 1193`,
      ),
    };
  if (isVariant(type))
    // JSON changes the width of an integer, which changes no value.
    return {
      fact: 'fitsJson',
      sql: none(
        `variant_typeof(${column}) NOT SIMILAR TO 'U?INT[0-9]+' AND hash(${column}) <> hash(CAST(CAST(${column} AS JSON) AS VARIANT))`,
      ),
    };
  return undefined;
}

/** Returns the type in the file; undefined if only text can hold the values. */
function fileTypeOf(type: DuckDBType, facts: ColumnFacts): string | undefined {
  if (type.typeId === DuckDBTypeId.HUGEINT || type.typeId === DuckDBTypeId.UHUGEINT)
    return facts.fitsDecimal ? 'DECIMAL(38,0)' : 'VARCHAR';
  if (type.typeId === DuckDBTypeId.INTERVAL) return facts.fitsInterval ? 'INTERVAL' : 'VARCHAR';
  return typeText(type, fileLeaf, 0, () => '[]');
}

/** Types that Parquet returns unchanged. */
const plain: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.BOOLEAN,
  DuckDBTypeId.TINYINT,
  DuckDBTypeId.SMALLINT,
  DuckDBTypeId.INTEGER,
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.UTINYINT,
  DuckDBTypeId.USMALLINT,
  DuckDBTypeId.UINTEGER,
  DuckDBTypeId.UBIGINT,
  DuckDBTypeId.FLOAT,
  DuckDBTypeId.DOUBLE,
  DuckDBTypeId.DECIMAL,
  DuckDBTypeId.BLOB,
  DuckDBTypeId.UUID,
  DuckDBTypeId.DATE,
  DuckDBTypeId.TIME,
  DuckDBTypeId.TIME_NS,
  DuckDBTypeId.TIMESTAMP,
  DuckDBTypeId.TIMESTAMP_NS,
  DuckDBTypeId.TIMESTAMP_TZ,
]);

const asTimestamp: ReadonlySet<DuckDBTypeId> = new Set([DuckDBTypeId.TIMESTAMP_S, DuckDBTypeId.TIMESTAMP_MS]);

/**
 * Returns a leaf as text unless its type is plain. Parquet would lose, for example, the offset of a
 * TIME WITH TIME ZONE.
 */
const fileLeaf: LeafText = (type, depth) => {
  if (asTimestamp.has(type.typeId)) return 'TIMESTAMP';
  return plain.has(type.typeId) ? exactType(type, depth) : 'VARCHAR';
};

import { type DuckDBType, DuckDBTypeId } from '@duckdb/node-api';
import { identifier } from '@quantbot/bus-format';
import { canonicalType, reservedColumns } from '@quantbot/bus-format/canon';
import { exactType, hasPart, type LeafText, typeText, viewType } from '@quantbot/storage/sandbox';
import { fromJson, toJsonText } from './json-text.js';

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
  /** How a view makes the old value again: SQL over the canonical table. */
  restored: string;
  /**
   * The old value, with its exact type, made of the canonical one: its text is compared with the
   * old one's.
   */
  checked?: string;
  /** Whether the canonical table has it as JSON text. */
  isJson?: boolean;
}

/**
 * What Parquet can hold of each value of a column; asked of the rows themselves where the type
 * alone does not tell.
 */
export interface ColumnFacts {
  /** HUGEINT: every value has at most 38 digits. */
  fitsDecimal: boolean;
  /** INTERVAL: no value is negative or finer than a millisecond. */
  fitsInterval: boolean;
  /** VARIANT: JSON tells the type of every value. */
  fitsJson: boolean;
}

const isVariant = ({ typeId }: DuckDBType): boolean => typeId === DuckDBTypeId.VARIANT;

/** Whether Parquet and SQL over it have no place for a type, so that only JSON text is left. */
const needsJson = (type: DuckDBType): boolean =>
  hasPart(type, part => part.typeId === DuckDBTypeId.UNION || isVariant(part));

/**
 * What becomes of a column. Parquet changes some types without a word (HUGEINT becomes DOUBLE):
 * those are written as what holds every digit.
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

/** Why a column's values cannot be kept, and what to do; undefined when they can. */
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
  if (!reservedColumns.has(name.toLowerCase())) return name;
  let free = `${name}_`;
  while (taken.has(free.toLowerCase())) free += '_';
  return free;
}

/** SQL that tells the {@link ColumnFacts} of a column; undefined where the type alone tells. */
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
    // JSON gives an integer another width, which changes no value.
    return {
      fact: 'fitsJson',
      sql: none(
        `variant_typeof(${column}) NOT SIMILAR TO 'U?INT[0-9]+' AND hash(${column}) <> hash(CAST(CAST(${column} AS JSON) AS VARIANT))`,
      ),
    };
  return undefined;
}

/** The type as it is written; undefined when only text can say it. */
function fileTypeOf(type: DuckDBType, facts: ColumnFacts): string | undefined {
  if (type.typeId === DuckDBTypeId.HUGEINT || type.typeId === DuckDBTypeId.UHUGEINT)
    return facts.fitsDecimal ? 'DECIMAL(38,0)' : 'VARCHAR';
  if (type.typeId === DuckDBTypeId.INTERVAL) return facts.fitsInterval ? 'INTERVAL' : 'VARCHAR';
  return typeText(type, fileLeaf, 0, () => '[]');
}

/** Types that Parquet gives back as they were. */
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
 * Of every other type the text says all; an offset of a TIME WITH TIME ZONE, for one, Parquet would
 * lose.
 */
const fileLeaf: LeafText = (type, depth) => {
  if (asTimestamp.has(type.typeId)) return 'TIMESTAMP';
  return plain.has(type.typeId) ? exactType(type, depth) : 'VARCHAR';
};

import * as api from '@duckdb/node-api';
import { identifier } from '@quantbot/bus-format/sql';
import { type Condition, isNested, partsOf, whereAnyPart } from './parts.js';

/** How to write the values of a type to Parquet. */
interface FileType {
  /** The type's name in SQL. */
  name: string;
  /** The type in the file. Absent: no Parquet type preserves the values. */
  inFile?: string;
  /**
   * False for a type that can be a column of its own, but not part of a list, a struct or a map.
   */
  nested?: false;
  /** The refused values, in words and as a condition. */
  refused?: { values: string; are: Condition };
  /** Values that DuckDB's dictionary pages would replace by others that DuckDB considers equal. */
  notInDictionary?: Condition;
  /** What to cast a refused column or value to. */
  castTo?: string;
}

const most38Digits = '9'.repeat(38);
/** Returns SQL that is true for -0.0 and for a NaN with other bits than the usual ones. */
const zeroOrNanOfItsOwn =
  (type: string): Condition =>
  value =>
    `((${value} = 0 AND signbit(${value})) OR (isnan(${value}) AND CAST(${value} AS BIT) <> CAST(CAST('nan' AS ${type}) AS BIT)))`;
const outsideDay = (type: string): FileType['refused'] => ({
  values: 'a time that is not from 00:00:00 to 24:00:00',
  are: v => `(${v} NOT BETWEEN CAST('00:00:00' AS ${type}) AND CAST('24:00:00' AS ${type}))`,
});
const same = (name: string): FileType => ({ name, inFile: name });

/**
 * How to write every type of DuckDB, by its id. LIST, ARRAY, STRUCT and MAP follow from their
 * parts.
 */
const fileTypes = new Map<api.DuckDBTypeId, FileType>([
  [api.DuckDBTypeId.BOOLEAN, same('BOOLEAN')],
  [api.DuckDBTypeId.TINYINT, same('TINYINT')],
  [api.DuckDBTypeId.SMALLINT, same('SMALLINT')],
  [api.DuckDBTypeId.INTEGER, same('INTEGER')],
  [api.DuckDBTypeId.BIGINT, same('BIGINT')],
  [
    api.DuckDBTypeId.HUGEINT,
    {
      name: 'HUGEINT',
      inFile: 'DECIMAL(38,0)',
      refused: { values: 'more than 38 digits', are: v => `(${v} NOT BETWEEN -${most38Digits} AND ${most38Digits})` },
      castTo: 'VARCHAR',
    },
  ],
  [api.DuckDBTypeId.UTINYINT, same('UTINYINT')],
  [api.DuckDBTypeId.USMALLINT, same('USMALLINT')],
  [api.DuckDBTypeId.UINTEGER, same('UINTEGER')],
  [api.DuckDBTypeId.UBIGINT, same('UBIGINT')],
  [
    api.DuckDBTypeId.UHUGEINT,
    {
      name: 'UHUGEINT',
      inFile: 'DECIMAL(38,0)',
      refused: { values: 'more than 38 digits', are: v => `(${v} > CAST('${most38Digits}' AS UHUGEINT))` },
      castTo: 'VARCHAR',
    },
  ],
  [api.DuckDBTypeId.BIGNUM, { name: 'BIGNUM', inFile: 'VARCHAR' }],
  [api.DuckDBTypeId.FLOAT, { ...same('FLOAT'), notInDictionary: zeroOrNanOfItsOwn('FLOAT') }],
  [api.DuckDBTypeId.DOUBLE, { ...same('DOUBLE'), notInDictionary: zeroOrNanOfItsOwn('DOUBLE') }],
  [api.DuckDBTypeId.DECIMAL, same('DECIMAL')],
  [api.DuckDBTypeId.VARCHAR, same('VARCHAR')],
  [api.DuckDBTypeId.BLOB, same('BLOB')],
  [api.DuckDBTypeId.BIT, { name: 'BIT', inFile: 'VARCHAR' }],
  [api.DuckDBTypeId.ENUM, { name: 'ENUM', inFile: 'VARCHAR' }],
  [api.DuckDBTypeId.UUID, same('UUID')],
  [api.DuckDBTypeId.DATE, same('DATE')],
  [api.DuckDBTypeId.TIME, { ...same('TIME'), refused: outsideDay('TIME'), castTo: 'BIGINT by epoch_us' }],
  [api.DuckDBTypeId.TIME_NS, { ...same('TIME_NS'), refused: outsideDay('TIME_NS'), castTo: 'BIGINT by epoch_us' }],
  [
    api.DuckDBTypeId.TIME_TZ,
    {
      ...same('TIME WITH TIME ZONE'),
      refused: {
        values: 'an offset other than +00, or 24:00:00',
        are: v => `(CAST(${v} AS VARCHAR) NOT LIKE '%+00' OR CAST(${v} AS VARCHAR) LIKE '24:%')`,
      },
      castTo: 'VARCHAR',
    },
  ],
  [
    api.DuckDBTypeId.TIMESTAMP_S,
    {
      name: 'TIMESTAMP_S',
      inFile: 'TIMESTAMP',
      refused: { values: 'infinity', are: v => `(isinf(CAST(CAST(${v} AS VARCHAR) AS TIMESTAMP)))` },
      castTo: 'VARCHAR',
    },
  ],
  [api.DuckDBTypeId.TIMESTAMP_MS, { name: 'TIMESTAMP_MS', inFile: 'TIMESTAMP' }],
  [api.DuckDBTypeId.TIMESTAMP, same('TIMESTAMP')],
  [api.DuckDBTypeId.TIMESTAMP_NS, same('TIMESTAMP_NS')],
  [api.DuckDBTypeId.TIMESTAMP_TZ, same('TIMESTAMP WITH TIME ZONE')],
  [
    api.DuckDBTypeId.INTERVAL,
    {
      ...same('INTERVAL'),
      refused: {
        values: 'a negative part, microseconds, or 1193 hours and more',
        are: v =>
          `(datepart('year', ${v}) < 0 OR datepart('month', ${v}) < 0 OR datepart('day', ${v}) < 0 OR datepart('hour', ${v}) NOT BETWEEN 0 AND 1192 OR datepart('microseconds', ${v}) < 0 OR datepart('microseconds', ${v}) % 1000 <> 0)`,
      },
      castTo: 'VARCHAR',
    },
  ],
  [api.DuckDBTypeId.GEOMETRY, { ...same('GEOMETRY'), nested: false, castTo: 'VARCHAR' }],
  [api.DuckDBTypeId.VARIANT, { ...same('VARIANT'), nested: false, castTo: 'JSON' }],
  [api.DuckDBTypeId.UNION, { name: 'UNION', castTo: 'JSON' }],
  [api.DuckDBTypeId.SQLNULL, { name: 'NULL', inFile: 'INTEGER' }],
]);

/** How to write one column. */
export interface FileColumn {
  /** The type in the file, as SQL; undefined if SQL cannot name it (a STRUCT without names). */
  type: string | undefined;
  /** Whether the values must be cast to it. */
  isCast: boolean;
  /** The refused values: in words, as SQL that is true for them, and the type to cast them to. */
  refused?: { values: string; are: Condition; castTo: string };
  /** SQL that is true for values that must not enter a dictionary page. */
  notInDictionary?: Condition;
}

/** Why a column cannot be written. */
export interface NotWritable {
  /** The part that cannot be written: `UNION("a" INTEGER)`. */
  type: string;
  castTo: string | undefined;
}

/**
 * Returns how to write a column of a type so that a reader gets the same values. All Parquet that
 * the bus writes follows this rule.
 */
export function fileColumnOf(type: api.DuckDBType): FileColumn | NotWritable {
  const column = typeInFile(type, 0);
  if (!('isCast' in column)) return column;
  const are = whereAnyPart(type, part => fileTypes.get(part.typeId)?.refused?.are);
  const notInDictionary = whereAnyPart(type, part => fileTypes.get(part.typeId)?.notInDictionary);
  const reasons = partsOf(type).flatMap(part => fileTypes.get(part.typeId)?.refused?.values ?? []);
  const castTo = isNested(type) ? 'a type that holds it' : (fileTypes.get(type.typeId)?.castTo ?? 'VARCHAR');
  return {
    ...column,
    ...(are !== undefined && { refused: { are, values: [...new Set(reasons)].join('; '), castTo } }),
    ...(notInDictionary !== undefined && { notInDictionary }),
  };
}

type TypeInFile = Pick<FileColumn, 'type' | 'isCast'>;

function typeInFile(type: api.DuckDBType, depth: number): TypeInFile | NotWritable {
  if (type instanceof api.DuckDBListType || type instanceof api.DuckDBArrayType) {
    const element = typeInFile(type.valueType, depth + 1);
    if (!('isCast' in element)) return element;
    const isCast = element.isCast || type instanceof api.DuckDBArrayType;
    return { type: element.type && `${element.type}[]`, isCast };
  }
  if (type instanceof api.DuckDBStructType) return structInFile(type, depth);
  if (type instanceof api.DuckDBMapType) {
    const [key, value] = [typeInFile(type.keyType, depth + 1), typeInFile(type.valueType, depth + 1)];
    if (!('isCast' in key)) return key;
    if (!('isCast' in value)) return value;
    const isNamed = key.type !== undefined && value.type !== undefined;
    return { type: isNamed ? `MAP(${key.type}, ${value.type})` : undefined, isCast: key.isCast || value.isCast };
  }
  const row = fileTypes.get(type.typeId);
  if (row?.inFile === undefined || (row.nested === false && depth > 0))
    return { type: type.toString(), castTo: row?.castTo };
  return {
    type: row.inFile === row.name ? (type.alias === 'JSON' ? 'JSON' : type.toString()) : row.inFile,
    isCast: row.inFile !== row.name && type.typeId !== api.DuckDBTypeId.SQLNULL,
  };
}

function structInFile({ entryNames, entryTypes }: api.DuckDBStructType, depth: number): TypeInFile | NotWritable {
  const fields: TypeInFile[] = [];
  for (const entry of entryTypes) {
    const field = typeInFile(entry, depth + 1);
    if (!('isCast' in field)) return field;
    fields.push(field);
  }
  const isNamed = entryNames.every(name => name !== '') && fields.every(field => field.type !== undefined);
  return {
    type: isNamed
      ? `STRUCT(${fields.map(({ type }, index) => `${identifier(entryNames[index]!)} ${type}`).join(', ')})`
      : undefined,
    isCast: fields.some(field => field.isCast),
  };
}

/**
 * The rows of the reference page: each type, the type in the file, the refused values, and the type
 * to cast to.
 */
export const fileTypeRows: readonly (readonly [name: string, inFile: string, refused: string, castTo: string])[] = [
  ...[...fileTypes.values()].map(({ name, inFile, nested, refused, castTo }) => {
    const all = inFile === undefined ? 'all' : nested === false ? 'inside of a list, struct or map' : undefined;
    return [name, inFile ?? '', all ?? refused?.values ?? '', castTo ?? ''] as const;
  }),
  ['LIST', 'LIST', 'what its elements cannot be', ''],
  ['ARRAY', 'LIST', 'what its elements cannot be', ''],
  ['STRUCT', 'STRUCT', 'what its fields cannot be', ''],
  ['MAP', 'MAP', 'what its keys and values cannot be', ''],
];

/**
 * Returns the type to write instead of a type that a file would not preserve; undefined for any
 * other name.
 */
export function writtenInstead(name: string): string | undefined {
  const row = [...fileTypes.values()].find(one => one.name === name);
  return row === undefined || row.inFile === row.name ? undefined : (row.inFile ?? row.castTo);
}

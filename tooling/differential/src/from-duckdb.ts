import * as api from '@duckdb/node-api';
import { type Canonical, floatText } from './canonical.js';

/** Converts a value from DuckDB's own binding, without any code of the bus. */
export function fromDuckDb(value: api.DuckDBValue, type: api.DuckDBType): Canonical {
  if (value === null) return null;
  if (type instanceof api.DuckDBListType)
    return { l: (value as api.DuckDBListValue).items.map(item => fromDuckDb(item, type.valueType)) };
  if (type instanceof api.DuckDBStructType) {
    const { entries } = value as api.DuckDBStructValue;
    return { s: type.entryNames.map((name, i) => [name, fromDuckDb(entries[name] ?? null, type.entryTypes[i]!)]) };
  }
  if (type instanceof api.DuckDBMapType)
    return {
      m: (value as api.DuckDBMapValue).entries.map(entry => [
        fromDuckDb(entry.key, type.keyType),
        fromDuckDb(entry.value, type.valueType),
      ]),
    };
  return scalar(value, type);
}

function scalar(value: api.DuckDBValue, { typeId }: api.DuckDBType): Canonical {
  switch (typeId) {
    case api.DuckDBTypeId.BOOLEAN:
      return `x:${value}`;
    case api.DuckDBTypeId.FLOAT:
    case api.DuckDBTypeId.DOUBLE:
      return floatText(value as number);
    case api.DuckDBTypeId.DECIMAL:
      return `n:${value}`;
    case api.DuckDBTypeId.VARCHAR:
    case api.DuckDBTypeId.ENUM:
      return `s:${value}`;
    case api.DuckDBTypeId.BLOB:
    case api.DuckDBTypeId.GEOMETRY:
      return `b:${Buffer.from((value as api.DuckDBBlobValue).bytes).toString('hex')}`;
    case api.DuckDBTypeId.UUID:
      return `b:${String(value).replaceAll('-', '')}`;
    case api.DuckDBTypeId.DATE:
      return `d:${(value as api.DuckDBDateValue).days}`;
    case api.DuckDBTypeId.INTERVAL:
      return intervalText(value as api.DuckDBIntervalValue);
    case api.DuckDBTypeId.VARIANT:
      return `s:${value}`;
    default:
      return moment(value, typeId) ?? `i:${value}`;
  }
}

function moment(value: api.DuckDBValue, typeId: api.DuckDBTypeId): string | undefined {
  switch (typeId) {
    case api.DuckDBTypeId.TIME:
      return `t:${(value as api.DuckDBTimeValue).micros * 1000n}`;
    case api.DuckDBTypeId.TIME_NS:
      return `t:${(value as api.DuckDBTimeNSValue).nanos}`;
    case api.DuckDBTypeId.TIME_TZ: {
      const { micros, offset } = value as api.DuckDBTimeTZValue;
      return `t:${(micros - BigInt(offset) * 1_000_000n) * 1000n}`;
    }
    case api.DuckDBTypeId.TIMESTAMP:
      return `T:${(value as api.DuckDBTimestampValue).micros * 1000n}`;
    case api.DuckDBTypeId.TIMESTAMP_NS:
      return `T:${(value as api.DuckDBTimestampNanosecondsValue).nanos}`;
    case api.DuckDBTypeId.TIMESTAMP_TZ:
      return `Z:${(value as api.DuckDBTimestampTZValue).micros * 1000n}`;
    default:
      return undefined;
  }
}

/**
 * Returns an interval as Parquet stores it: months, days and milliseconds, 4 bytes each.
 * Microseconds, which Parquet cannot store, follow at the end.
 */
function intervalText({ months, days, micros }: api.DuckDBIntervalValue): string {
  const bytes = Buffer.alloc(12);
  bytes.writeInt32LE(months, 0);
  bytes.writeInt32LE(days, 4);
  bytes.writeUInt32LE(Number((micros / 1000n) & 0xffffffffn), 8);
  return `b:${bytes.toString('hex')}${micros % 1000n === 0n ? '' : `+${micros % 1000n}`}`;
}

/** A column of a query. */
export interface QueriedColumn {
  name: string;
  type: api.DuckDBType;
  values: Canonical[];
}

/** Returns the result of a query as columns. */
export async function queryColumns(connection: api.DuckDBConnection, sql: string): Promise<QueriedColumn[]> {
  const reader = await connection.runAndReadAll(sql);
  const types = reader.columnTypes();
  const columns = reader.getColumns();
  return reader.columnNames().map((name, i) => {
    const type = types[i]!;
    return { name, type, values: (columns[i] ?? []).map(value => fromDuckDb(value, type)) };
  });
}

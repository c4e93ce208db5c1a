/**
 * Every type that can be written, with the value that a read returns and the values that a write
 * accepts, in the words of docs/reference/type-mapping.md.
 */
export const valueWords = {
  BOOLEAN: ['`boolean`', '`boolean`'],
  TINYINT: ['`number`', 'whole `number` in range'],
  SMALLINT: ['`number`', 'whole `number` in range'],
  INTEGER: ['`number`', 'whole `number` in range'],
  BIGINT: [
    "`number`; beyond ±(2^53 − 1) the error `VALUE_UNREPRESENTABLE`; `bigint` with `int64: 'bigint'`",
    'safe whole `number`, or `bigint`',
  ],
  UTINYINT: ['`number`', 'whole `number` in range'],
  USMALLINT: ['`number`', 'whole `number` in range'],
  UINTEGER: ['`number`', 'whole `number` in range'],
  UBIGINT: ['as `BIGINT`', 'as `BIGINT`'],
  FLOAT: ['`number`', '`number` within the range of a FLOAT, as the nearest one'],
  DOUBLE: ['`number`', '`number`'],
  DECIMAL: [
    "`string` with all digits (`'12.50'`); the nearest `number` with `decimal: 'number'`",
    '`string` with digits that fit',
  ],
  VARCHAR: ['`string`', '`string`'],
  BLOB: ['`Uint8Array`', '`Uint8Array`'],
  UUID: ['`string`', '`string`'],
  DATE: [
    "`string`, `'2020-02-29'`; outside of the years 0 to 9999 `'+012345-06-07'`; `'infinity'`, `'-infinity'`",
    'the same',
  ],
  TIME: [
    "`string`, `'12:34:56.789'`, up to `'24:00:00'`; the error `VALUE_UNREPRESENTABLE` outside of a day",
    'the same',
  ],
  TIMESTAMP: [
    "`Date` (UTC; finer than a millisecond is cut off); microseconds or nanoseconds as `bigint` with `timestamp: 'micros'` or `'nanos'`",
    '`Date`',
  ],
  TIMESTAMP_NS: ["as `TIMESTAMP`; with `'micros'` one that is finer is the error `VALUE_UNREPRESENTABLE`", '`Date`'],
  'TIMESTAMP WITH TIME ZONE': ['as `TIMESTAMP`: the moment', '`Date`'],
  INTERVAL: ['`{ months, days, micros }`, `micros` a `bigint`', 'the same, whole milliseconds (Parquet has no finer)'],
  LIST: ['array', 'array'],
  STRUCT: ['object; an array where fields have no names', 'object with these fields and no others'],
  MAP: ['`Map`; the error `VALUE_UNREPRESENTABLE` for one with a key twice', '`Map`'],
} as const satisfies Record<string, readonly [readsAs: string, writesFrom: string]>;

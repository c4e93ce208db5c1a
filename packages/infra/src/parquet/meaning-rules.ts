/** A kind of column for which DuckDB returns other values than the file means. */
interface MeaningRule {
  /** What the file has. */
  inFile: string;
  /** What DuckDB makes of it. */
  read: string;
  /** What to write instead. */
  instead: string;
}

const besideLogical = 'the converted type beside the logical one, as most writers do';

/**
 * Every kind of column that a canonical table refuses for what its schema means. The table "What a
 * canonical table refuses" in docs/reference/type-mapping.md has these rows.
 */
export const meaningRules = {
  nanoseconds: {
    inFile: 'a timestamp with a zone, or INT96, that has nanoseconds',
    read: 'microseconds; values in whole microseconds are accepted',
    instead: 'microseconds; or, with every digit, nanoseconds without a zone (as INT64, not INT96)',
  },
  timeOfDay: {
    inFile: 'a time of day in UTC with nanoseconds',
    read: 'microseconds',
    instead: 'microseconds, or a time without a zone',
  },
  wideDecimal: {
    inFile: 'DECIMAL of more than 38 digits',
    read: 'a DOUBLE, or other digits',
    instead: 'DECIMAL(38,s), or VARCHAR',
  },
  digits: {
    inFile: 'a DECIMAL or an integer with more digits than its declared type',
    read: 'another number, or an error',
    instead: 'a type with enough digits',
  },
  times: {
    inFile: 'a time of day in UTC that is not from 00:00:00 to 24:00:00',
    read: 'another time',
    instead: 'a time within a day, or the plain number as BIGINT',
  },
  arrowOnly: {
    inFile: 'an Arrow duration, or an integer of 128 bits',
    read: 'the plain number or bytes',
    instead: 'BIGINT or DECIMAL(38,0)',
  },
  logicalGroup: { inFile: 'LIST or MAP by the logical type alone', read: 'a STRUCT', instead: besideLogical },
  logicalLeaf: {
    inFile:
      'STRING, ENUM, JSON, DATE, DECIMAL or an unsigned integer by the logical type alone, or against the converted one',
    read: 'bytes, signed integers, or what the converted type says',
    instead: besideLogical,
  },
  unreadable: {
    inFile:
      'BSON by the converted type, a type beside a physical type that the format does not allow for it, a converted type that the format does not have, or a DECIMAL without its precision or scale',
    read: 'an error, which ends every query of the file',
    instead:
      'the physical type that the format allows, a DECIMAL with precision and scale, or no converted type (BSON as plain BYTE_ARRAY)',
  },
  pairs: {
    inFile: 'a MAP whose entries have only a key, or more than a key and a value',
    read: 'an error, which ends every query of the file',
    instead: 'a MAP with a key and a value in each entry, a LIST of the keys, or a LIST of structs',
  },
  repeated: {
    inFile: 'a repeated GEOMETRY that is in no LIST',
    read: 'the values of other rows',
    instead: 'a LIST',
  },
  length: {
    inFile: 'INTERVAL of another length than 12 bytes, or UUID of another length than 16',
    read: 'other values',
    instead: 'an INTERVAL of 12 bytes, a UUID of 16, or the plain bytes',
  },
  range: {
    inFile: "a value beyond the range of DuckDB's type, such as a timestamp in milliseconds after the year 294247",
    read: 'an error, which ends every query of the column',
    instead: 'values within the range, or the plain number as BIGINT',
  },
  text: {
    inFile: 'a text that is not valid UTF-8',
    read: 'an error, which ends every query of the column',
    instead: 'the text in UTF-8, or the bytes as BLOB (plain BYTE_ARRAY)',
  },
  json: {
    inFile: 'a text that is no JSON, in a column of JSON',
    read: 'an error, which ends every query of the column',
    instead: 'JSON, or the text as STRING',
  },
  noName: {
    inFile: 'a field without a name, or a column without one whose name by its position is taken',
    read: 'a name that finds nothing',
    instead: 'a name for every column and field',
  },
  notUtf8: {
    inFile: 'a column or field whose name is not valid UTF-8',
    read: 'a name that finds nothing',
    instead: 'the name in UTF-8',
  },
  nul: {
    inFile: 'a column or field with a NUL character in its name',
    read: 'a name that ends there',
    instead: 'a name without it',
  },
} as const satisfies Record<string, MeaningRule>;

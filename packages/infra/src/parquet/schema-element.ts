import { type FieldReader, field, flag, ThriftError, type ThriftReader, wireType } from './thrift.js';

/** Physical types, at the format's numbers. */
export const physicalTypes = [
  'BOOLEAN',
  'INT32',
  'INT64',
  'INT96',
  'FLOAT',
  'DOUBLE',
  'BYTE_ARRAY',
  'FIXED_LEN_BYTE_ARRAY',
] as const;
const repetitions = ['REQUIRED', 'OPTIONAL', 'REPEATED'] as const;
/** Converted types, at the format's numbers. */
export const convertedTypes = [
  'UTF8',
  'MAP',
  'MAP_KEY_VALUE',
  'LIST',
  'ENUM',
  'DECIMAL',
  'DATE',
  'TIME_MILLIS',
  'TIME_MICROS',
  'TIMESTAMP_MILLIS',
  'TIMESTAMP_MICROS',
  'UINT_8',
  'UINT_16',
  'UINT_32',
  'UINT_64',
  'INT_8',
  'INT_16',
  'INT_32',
  'INT_64',
  'JSON',
  'BSON',
  'INTERVAL',
] as const;
/** Logical types by their number in the format's union; 9 is not in use. */
export const logicalTypes: Record<number, string> = {
  1: 'STRING',
  2: 'MAP',
  3: 'LIST',
  4: 'ENUM',
  5: 'DECIMAL',
  6: 'DATE',
  7: 'TIME',
  8: 'TIMESTAMP',
  10: 'INTEGER',
  11: 'NULL',
  12: 'JSON',
  13: 'BSON',
  14: 'UUID',
  15: 'FLOAT16',
  16: 'VARIANT',
  17: 'GEOMETRY',
  18: 'GEOGRAPHY',
};
const units = ['MILLIS', 'MICROS', 'NANOS'] as const;

/** The logical type of a column, with its parameters. */
export interface LogicalType {
  type: string;
  precision?: number;
  scale?: number;
  isAdjustedToUTC?: boolean;
  unit?: (typeof units)[number];
  bitWidth?: number;
  isSigned?: boolean;
  /** Coordinate reference system of a geometry. */
  crs?: string;
}

/**
 * One node of a Parquet schema, as the footer lists them: depth first, a group before its children.
 */
export interface SchemaElement {
  name: string;
  /** Absent for a group. */
  type?: (typeof physicalTypes)[number];
  /** Bytes of a FIXED_LEN_BYTE_ARRAY. */
  type_length?: number;
  repetition_type?: (typeof repetitions)[number];
  num_children?: number;
  converted_type?: (typeof convertedTypes)[number];
  /** The number of a converted type that is not in the format. */
  unknown_converted_type?: number;
  scale?: number;
  precision?: number;
  logical_type?: LogicalType;
}

/** Reads one SchemaElement of a footer. */
export function readSchemaElement(reader: ThriftReader): SchemaElement {
  const element: SchemaElement = { name: '' };
  reader.struct({
    1: field(wireType.i32, () => {
      element.type = named(physicalTypes, reader.i32());
    }),
    2: field(wireType.i32, () => {
      element.type_length = reader.i32();
    }),
    3: field(wireType.i32, () => {
      element.repetition_type = named(repetitions, reader.i32());
    }),
    4: field(wireType.binary, () => {
      element.name = reader.text();
    }),
    5: field(wireType.i32, () => {
      element.num_children = reader.i32();
    }),
    6: field(wireType.i32, () => {
      const number = reader.i32();
      if (number in convertedTypes) element.converted_type = convertedTypes[number];
      else element.unknown_converted_type = number;
    }),
    7: field(wireType.i32, () => {
      element.scale = reader.i32();
    }),
    8: field(wireType.i32, () => {
      element.precision = reader.i32();
    }),
    10: field(wireType.struct, () => {
      element.logical_type = readLogicalType(reader);
    }),
  });
  return element;
}

function readLogicalType(reader: ThriftReader): LogicalType | undefined {
  let logical: LogicalType | undefined;
  const parameters: Record<string, (into: LogicalType) => Record<number, FieldReader>> = {
    DECIMAL: into => ({
      1: field(wireType.i32, () => {
        into.scale = reader.i32();
      }),
      2: field(wireType.i32, () => {
        into.precision = reader.i32();
      }),
    }),
    TIME: into => timeParameters(reader, into),
    TIMESTAMP: into => timeParameters(reader, into),
    INTEGER: into => ({
      1: field(wireType.i8, () => {
        into.bitWidth = reader.i8();
      }),
      2: flag(value => {
        into.isSigned = value;
      }),
    }),
    GEOMETRY: into => ({
      1: field(wireType.binary, () => {
        into.crs = reader.text();
      }),
    }),
  };
  const variants = Object.entries(logicalTypes).map(([id, type]) => [
    id,
    field(wireType.struct, () => {
      logical = { type };
      reader.struct(parameters[type]?.(logical) ?? {});
    }),
  ]);
  reader.struct(Object.fromEntries(variants));
  return logical;
}

const timeParameters = (reader: ThriftReader, into: LogicalType): Record<number, FieldReader> => ({
  1: flag(value => {
    into.isAdjustedToUTC = value;
  }),
  2: field(wireType.struct, () => {
    reader.struct(
      Object.fromEntries(
        units.map((unit, index) => [
          index + 1,
          field(wireType.struct, () => {
            into.unit = unit;
            reader.struct({});
          }),
        ]),
      ),
    );
  }),
});

function named<T>(names: readonly T[], index: number): T {
  const name = names[index];
  if (name === undefined) throw new ThriftError(`there is no type ${index}`);
  return name;
}

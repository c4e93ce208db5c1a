import { hash } from 'node:crypto';
import { busError } from '../errors.js';
import { arrowSchemaKey } from './arrow-schema.js';
import { checkBloomFilter, type ReadBytes } from './bloom-filter.js';
import { type KnownSchema, schemaOf } from './known-schemas.js';
import { readSchemaElement, type SchemaElement } from './schema-element.js';
import {
  leavesOf,
  maxSchemaElements,
  type SchemaLeaf,
  type SchemaNode,
  schemaTree,
  tooManyElements,
} from './schema-tree.js';
import { field, ThriftError, ThriftReader, wireType } from './thrift.js';

/**
 * Writers add a handful. Each pair becomes an object in memory, but may take a single byte in the
 * file.
 */
const maxKeyValuePairs = 10_000;

/** The content of a footer, checked against itself and the size of the file. */
export interface FooterMetadata {
  rows: number;
  root: SchemaNode;
  rowGroups: number;
  keyValue: Record<string, string>;
  createdBy: string | undefined;
  /** A hash of everything that describes the columns. */
  schemaId: string;
}

/** The part of a file that its footer describes. */
export interface FileData {
  /** The end of the data: the start of the footer. */
  end: number;
  read: ReadBytes;
}

/**
 * Reads FileMetaData
 * (https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift). It checks
 * row groups as it reads them and does not keep them, so memory does not grow with a footer's
 * claims.
 *
 * @param data the file's data: everything before the footer.
 * @throws ThriftError for malformed bytes; BusError `NOT_PARQUET` for an inconsistent schema,
 * `UNSUPPORTED_PARQUET` for encrypted columns, `TOO_COMPLEX` for too many levels of nesting,
 * `TOO_LARGE` for too many columns or metadata pairs.
 */
export function readFooterMetadata(bytes: Uint8Array, data: FileData): FooterMetadata {
  const reader = new ThriftReader(bytes);
  let schema: KnownSchema | undefined;
  const keyValue: [string, string][] = [];
  let rows: number | undefined;
  let rowGroupsAt: number | undefined;
  let createdBy: string | undefined;
  let hasEncryptedColumns = false;
  reader.struct({
    2: field(wireType.list, () => {
      if (schema !== undefined) throw new ThriftError('it has two schemas');
      schema = schemaOf(reader, readSchema);
    }),
    3: field(wireType.i64, () => {
      rows = reader.i64();
    }),
    4: field(wireType.list, type => {
      rowGroupsAt = reader.offset; // read once the schema is known, which may come later
      reader.skip(type);
    }),
    5: field(wireType.list, () => {
      let left = reader.listOf(wireType.struct);
      if (keyValue.length + left > maxKeyValuePairs)
        throw busError('TOO_LARGE', `The footer has ${left} pairs of metadata; ${maxKeyValuePairs} are allowed.`, {
          hint: 'Put descriptions of the data into the manifest (meta), or into a column.',
        });
      for (; left > 0; left--) keyValue.push(readKeyValue(reader));
    }),
    6: field(wireType.binary, () => {
      createdBy = reader.text();
    }),
    8: type => {
      hasEncryptedColumns = true;
      reader.skip(type);
    },
  });
  if (rows === undefined || rowGroupsAt === undefined) throw new ThriftError('rows or row groups are missing');
  if (!Number.isSafeInteger(rows) || rows < 0) throw new ThriftError(`it claims ${rows} rows`);
  if (schema === undefined) throw new ThriftError('it has no schema');
  if (hasEncryptedColumns) throw encrypted();
  const { root, leaves, id } = schema;
  const { count, rowsInGroups } = checkRowGroups(reader.at(rowGroupsAt), leaves, data);
  if (rowsInGroups !== rows) throw new ThriftError(`it claims ${rows} rows, its row groups have ${rowsInGroups}`);
  const metadata = Object.fromEntries(keyValue);
  return { rows, root, rowGroups: count, keyValue: metadata, createdBy, schemaId: schemaIdOf(id, metadata) };
}

/** The error for an encrypted file. */
export const encrypted = () =>
  busError('UNSUPPORTED_PARQUET', 'The file is encrypted Parquet, which the bus cannot read.', {
    hint: 'Write the file without encryption, and restrict who may read the bus.',
  });

/** Two metadata keys describe columns beyond the schema. */
function schemaIdOf(id: string, { geo, [arrowSchemaKey]: arrow }: Record<string, string>): string {
  return geo === undefined && arrow === undefined ? id : hash('sha256', JSON.stringify([id, geo, arrow]));
}

function readSchema(reader: ThriftReader): Omit<KnownSchema, 'id'> {
  const count = reader.listOf(wireType.struct);
  if (count > maxSchemaElements) throw tooManyElements(count);
  const elements: SchemaElement[] = [];
  for (let i = 0; i < count; i++) elements.push(readSchemaElement(reader));
  const root = schemaTree(elements);
  return { root, leaves: leavesOf(root) };
}

function readKeyValue(reader: ThriftReader): [string, string] {
  const pair: [string, string] = ['', ''];
  // Some writers put numbers here. They describe no column, so skip them as other readers do.
  const part = (index: 0 | 1) => (type: number) => {
    if (type === wireType.binary) pair[index] = reader.text();
    else reader.skip(type);
  };
  reader.struct({ 1: part(0), 2: part(1) });
  return pair;
}

function checkRowGroups(reader: ThriftReader, leaves: readonly SchemaLeaf[], data: FileData) {
  const count = reader.listOf(wireType.struct);
  let rowsInGroups = 0;
  for (let i = 0; i < count; i++) rowsInGroups += checkRowGroup(reader, leaves, data);
  return { count, rowsInGroups };
}

function checkRowGroup(reader: ThriftReader, leaves: readonly SchemaLeaf[], data: FileData): number {
  let rows = -1;
  let chunks = 0;
  /** Values of the columns that have exactly one value per row; -1 before the first one. */
  let values = -1;
  reader.struct({
    1: field(wireType.list, () => {
      chunks = reader.listOf(wireType.struct);
      if (chunks !== leaves.length) throw new ThriftError(`a row group has ${chunks} of ${leaves.length} columns`);
      for (const leaf of leaves) {
        const found = checkChunk(reader, leaf, data);
        if (leaf.repeated) continue;
        if (values !== -1 && found !== values) throw new ThriftError('columns of a row group differ in length');
        values = found;
      }
    }),
    3: field(wireType.i64, () => {
      rows = reader.i64();
    }),
  });
  if (chunks === 0 || !Number.isSafeInteger(rows) || rows < 0) throw new ThriftError('a row group is not whole');
  if (values !== -1 && values !== rows) throw new ThriftError(`a row group claims ${rows} rows, its columns ${values}`);
  return rows;
}

/** Checks that a column chunk lies inside this file, and returns its number of values. */
function checkChunk(reader: ThriftReader, leaf: SchemaLeaf, data: FileData): number {
  let values = -1;
  let bytes = -1;
  let dataAt = -1;
  let dictionaryAt = 0;
  let bloomAt = 0;
  let bloomBytes = 0;
  let type = -1;
  reader.struct({
    1: field(wireType.binary, () => {
      if (reader.text() !== '') throw new ThriftError('a column lies in another file');
    }),
    3: field(wireType.struct, () =>
      reader.struct({
        1: field(wireType.i32, () => {
          type = reader.i32();
        }),
        5: field(wireType.i64, () => {
          values = reader.i64();
        }),
        7: field(wireType.i64, () => {
          bytes = reader.i64();
        }),
        9: field(wireType.i64, () => {
          dataAt = reader.i64();
        }),
        11: field(wireType.i64, () => {
          dictionaryAt = reader.i64();
        }),
        14: field(wireType.i64, () => {
          bloomAt = reader.i64();
        }),
        15: field(wireType.i32, () => {
          bloomBytes = reader.i32();
        }),
      }),
    ),
    8: () => {
      throw new ThriftError('a column is encrypted');
    },
  });
  if (type !== leaf.typeNumber) throw new ThriftError('a column has another type than the schema says');
  if (values === 0) return 0; // writers of empty tables leave the offsets at 0
  const begin = dictionaryAt > 0 ? Math.min(dictionaryAt, dataAt) : dataAt;
  if (!(values >= 0 && bytes >= 0 && begin >= 4 && begin + bytes <= data.end))
    throw new ThriftError('a column lies outside of the file, which is cut off or damaged');
  if (bloomAt > 0) checkBloomFilter(data, bloomAt, bloomBytes);
  return values;
}

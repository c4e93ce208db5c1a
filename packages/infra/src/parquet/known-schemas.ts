import { hash } from 'node:crypto';
import type { SchemaLeaf, SchemaNode } from './schema-tree.js';
import type { ThriftReader } from './thrift.js';

/** A schema as it was read. */
export interface KnownSchema {
  root: SchemaNode;
  leaves: readonly SchemaLeaf[];
  /** A hash of its bytes in the file. */
  id: string;
}

const maxKnown = 16;
const maxBytes = 16 * 1024;

/** The schemas of the last files, by their bytes, newest first. */
const known: { bytes: Buffer; schema: KnownSchema }[] = [];

/**
 * Reads a schema, or reuses one with the same bytes. The files of a producer mostly share a schema,
 * and parsing it takes half the time of a footer.
 */
export function schemaOf(reader: ThriftReader, read: (reader: ThriftReader) => Omit<KnownSchema, 'id'>): KnownSchema {
  const index = known.findIndex(({ bytes }) => reader.skipBytes(bytes));
  if (index !== -1) {
    const [found] = known.splice(index, 1) as [(typeof known)[number]];
    known.unshift(found);
    return found.schema;
  }
  const begin = reader.offset;
  const parsed = read(reader);
  const bytes = reader.bytesFrom(begin);
  const schema = { ...parsed, id: hash('sha256', bytes) };
  if (bytes.length > maxBytes) return schema;
  known.unshift({ bytes, schema });
  known.length = Math.min(known.length, maxKnown);
  return schema;
}

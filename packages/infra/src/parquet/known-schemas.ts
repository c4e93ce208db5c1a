import { hash } from 'node:crypto';
import type { SchemaLeaf, SchemaNode } from './schema-tree.js';
import type { ThriftReader } from './thrift.js';

/** A schema as it was read. */
export interface KnownSchema {
  root: SchemaNode;
  leaves: readonly SchemaLeaf[];
  /** A hash of the bytes that it is written in. */
  id: string;
}

const mostKnown = 16;
const mostBytes = 16 * 1024;

/**
 * The schemas of the files that were read last, by the bytes that they are written in, newest
 * first.
 */
const known: { bytes: Buffer; schema: KnownSchema }[] = [];

/**
 * Reads a schema, or finds that the same bytes were read before: a producer's files mostly have one
 * schema, and reading it anew takes half of the time that a footer takes. What was read from the
 * same bytes is the same, and where they end as well.
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
  if (bytes.length > mostBytes) return schema;
  known.unshift({ bytes, schema });
  known.length = Math.min(known.length, mostKnown);
  return schema;
}

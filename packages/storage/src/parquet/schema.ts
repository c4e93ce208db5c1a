import type { DuckDBType } from '@duckdb/node-api';
import { foldName, nameProblem } from '@quantbot/infra/bus';
import { storageError } from '../errors.js';
import { type Encoder, encoderOf } from '../types/encode.js';
import { parseType } from '../types/parse-type.js';

/**
 * The columns of a file in order, each with its DuckDB type:
 * `{ ts: 'TIMESTAMP', price: 'DOUBLE', tags: 'VARCHAR[]' }`. For names that JavaScript would sort
 * (`'1'`), give pairs instead.
 */
export type Schema = Readonly<Record<string, string>> | readonly (readonly [name: string, type: string])[];

/** A column to write. */
export interface Column {
  name: string;
  type: DuckDBType;
  encode: Encoder;
}

/** @throws StorageError `SCHEMA_INVALID`. */
export function columnsOf(schema: Schema): Column[] {
  if (typeof schema !== 'object' || schema === null)
    throw storageError('SCHEMA_INVALID', 'The schema is missing: name the type of each column.');
  const pairs: readonly (readonly [string, string])[] = isPairs(schema) ? schema : Object.entries(schema);
  if (pairs.length === 0) throw storageError('SCHEMA_INVALID', 'The schema has no column.');
  const seen = new Set<string>();
  return pairs.map(([name, text]) => {
    const problem = nameProblem(name);
    if (problem !== undefined)
      throw storageError('SCHEMA_INVALID', `A column ${problem}${name === '' ? '' : `: ${JSON.stringify(name)}`}.`);
    if (seen.has(foldName(name)))
      throw storageError('SCHEMA_INVALID', `Two columns are called ${name}; upper and lower case are the same in SQL.`);
    seen.add(foldName(name));
    const type = parseType(text);
    return { name, type, encode: encoderOf(type) };
  });
}

const isPairs = (schema: Schema): schema is readonly (readonly [string, string])[] => Array.isArray(schema);

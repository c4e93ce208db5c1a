import * as duckdb from '@duckdb/node-api';
import { foldName, nameProblem } from '@quantbot/infra/bus';
import { storageError } from '../errors.js';
import { writtenInstead } from './file-types.js';
import { valueWords } from './value-words.js';

type ComposedType = 'DECIMAL' | 'LIST' | 'STRUCT' | 'MAP';

const scalarTypes: Readonly<Record<Exclude<keyof typeof valueWords, ComposedType>, duckdb.DuckDBType>> = {
  BOOLEAN: duckdb.BOOLEAN,
  TINYINT: duckdb.TINYINT,
  SMALLINT: duckdb.SMALLINT,
  INTEGER: duckdb.INTEGER,
  BIGINT: duckdb.BIGINT,
  UTINYINT: duckdb.UTINYINT,
  USMALLINT: duckdb.USMALLINT,
  UINTEGER: duckdb.UINTEGER,
  UBIGINT: duckdb.UBIGINT,
  FLOAT: duckdb.FLOAT,
  DOUBLE: duckdb.DOUBLE,
  VARCHAR: duckdb.VARCHAR,
  BLOB: duckdb.BLOB,
  UUID: duckdb.UUID,
  DATE: duckdb.DATE,
  TIME: duckdb.TIME,
  TIMESTAMP: duckdb.TIMESTAMP,
  TIMESTAMP_NS: duckdb.TIMESTAMP_NS,
  'TIMESTAMP WITH TIME ZONE': duckdb.TIMESTAMPTZ,
  INTERVAL: duckdb.INTERVAL,
};

const aliases: Record<string, string> = {
  BOOL: 'BOOLEAN',
  INT: 'INTEGER',
  FLOAT4: 'FLOAT',
  REAL: 'FLOAT',
  FLOAT8: 'DOUBLE',
  TEXT: 'VARCHAR',
  STRING: 'VARCHAR',
  TIMESTAMPTZ: 'TIMESTAMP WITH TIME ZONE',
};

/**
 * Replacements for types that no JavaScript value can express fully. `writtenInstead` covers types
 * that Parquet does not preserve.
 */
const instead: Record<string, string> = {
  TIMETZ: 'TIME',
  'TIME WITH TIME ZONE': 'TIME',
  JSON: 'VARCHAR',
  UNION: 'STRUCT',
};

/** Every type that can be written, as documented. */
export const writableTypes: readonly string[] = Object.keys(valueWords);

/**
 * Parses the name of a type that Parquet preserves: `BIGINT`, `DECIMAL(18,4)`, `VARCHAR[]`,
 * `STRUCT(price DOUBLE, "at" TIMESTAMP)[]`, `MAP(VARCHAR, DOUBLE)`. Any other text is refused and
 * never reaches SQL.
 *
 * @throws StorageError `SCHEMA_INVALID`.
 */
export function parseType(text: string): duckdb.DuckDBType {
  const parser = new TypeParser(text);
  const type = parser.type();
  parser.end();
  if (levelsOf(type) > maxLevels) throw parser.tooDeep();
  return type;
}

/** The levels below a schema's root that infra's `schema-tree.ts` takes. */
const maxLevels = 32;

/** Returns the levels of a type in a Parquet schema. A LIST and a MAP have two. */
function levelsOf(type: duckdb.DuckDBType): number {
  if (type instanceof duckdb.DuckDBListType) return 2 + levelsOf(type.valueType);
  if (type instanceof duckdb.DuckDBMapType) return 2 + Math.max(levelsOf(type.keyType), levelsOf(type.valueType));
  if (type instanceof duckdb.DuckDBStructType) return 1 + Math.max(...type.entryTypes.map(levelsOf));
  return 1;
}

const tokenPattern = /\s*(?:([A-Za-z_][A-Za-z0-9_]*)|"((?:[^"]|"")+)"|(\d+)|([()[\],]))/y;

interface Token {
  kind: 'name' | 'quoted' | 'number' | 'sign';
  text: string;
}

class TypeParser {
  readonly #text: string;
  readonly #tokens: Token[];
  #next = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = this.#tokenize();
  }

  /** @param outside the number of types around this one. */
  type(outside = 0): duckdb.DuckDBType {
    if (outside > maxLevels) throw this.tooDeep();
    let type = this.#elementType(outside + 1);
    for (let lists = 0; this.#accept('['); lists++) {
      if (lists > maxLevels) throw this.tooDeep();
      this.#expect(']'); // no ARRAY of fixed length: it would read back as a list
      type = duckdb.LIST(type);
    }
    return type;
  }

  end(): void {
    if (this.#next < this.#tokens.length) throw this.#invalid();
  }

  #elementType(outside: number): duckdb.DuckDBType {
    const name = this.#typeName();
    if (name === 'DECIMAL' || name === 'NUMERIC') return this.#decimal();
    if (name === 'STRUCT') return this.#struct(outside);
    if (name === 'MAP') {
      this.#expect('(');
      const key = this.type(outside);
      this.#expect(',');
      const value = this.type(outside);
      this.#expect(')');
      return duckdb.MAP(key, value);
    }
    const type = (scalarTypes as Readonly<Record<string, duckdb.DuckDBType>>)[aliases[name] ?? name];
    if (type === undefined) throw this.#invalid(instead[name] ?? writtenInstead(name));
    return type;
  }

  #typeName(): string {
    const name = this.#take('name').toUpperCase();
    if (name !== 'TIMESTAMP' && name !== 'TIME') return name;
    const rest = this.#tokens.slice(this.#next, this.#next + 3).map(token => token.text.toUpperCase());
    if (rest.join(' ') !== 'WITH TIME ZONE') return name;
    this.#next += 3;
    return `${name} WITH TIME ZONE`;
  }

  #decimal(): duckdb.DuckDBType {
    this.#expect('(');
    const width = Number(this.#take('number'));
    this.#expect(',');
    const scale = Number(this.#take('number'));
    this.#expect(')');
    if (width < 1 || width > 38 || scale > width) throw this.#invalid();
    return duckdb.DECIMAL(width, scale);
  }

  #struct(outside: number): duckdb.DuckDBType {
    const fields = new Map<string, duckdb.DuckDBType>();
    this.#expect('(');
    do {
      const field = this.#peek()?.kind === 'quoted' ? this.#take('quoted') : this.#take('name');
      if (nameProblem(field) !== undefined || [...fields.keys()].some(other => foldName(other) === foldName(field)))
        throw this.#invalid();
      fields.set(field, this.type(outside));
    } while (this.#accept(','));
    this.#expect(')');
    return new duckdb.DuckDBStructType([...fields.keys()], [...fields.values()]);
  }

  #tokenize(): Token[] {
    const tokens: Token[] = [];
    const pattern = new RegExp(tokenPattern);
    const text = this.#text.trimEnd();
    while (pattern.lastIndex < text.length) {
      const [, name, quoted, number, sign] = pattern.exec(text) ?? [];
      if (name !== undefined) tokens.push({ kind: 'name', text: name });
      else if (quoted !== undefined) tokens.push({ kind: 'quoted', text: quoted.replaceAll('""', '"') });
      else if (number !== undefined) tokens.push({ kind: 'number', text: number });
      else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign });
      else throw this.#invalid();
    }
    return tokens;
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#next];
  }

  #take(kind: Token['kind']): string {
    const token = this.#peek();
    if (token?.kind !== kind) throw this.#invalid();
    this.#next++;
    return token.text;
  }

  #accept(sign: string): boolean {
    const token = this.#peek();
    if (token?.kind !== 'sign' || token.text !== sign) return false;
    this.#next++;
    return true;
  }

  #expect(sign: string): void {
    if (!this.#accept(sign)) throw this.#invalid();
  }

  tooDeep(): Error {
    return storageError('SCHEMA_INVALID', `A type is nested too deep: ${JSON.stringify(this.#text.slice(0, 100))}.`, {
      hint: `Use at most ${maxLevels} levels, where a list and a map count as two, or nested values as JSON text.`,
    });
  }

  #invalid(replacement?: string): Error {
    return storageError('SCHEMA_INVALID', `${JSON.stringify(this.#text)} is not a type that can be written.`, {
      ...(replacement !== undefined && { hint: `Use ${replacement}: Parquet does not preserve this type.` }),
      details: [`the types are ${writableTypes.join(', ')}`],
    });
  }
}

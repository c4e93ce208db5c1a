import * as api from '@duckdb/node-api';
import { storageError } from '../errors.js';

/** A value that can be bound to a parameter. An array becomes a list. */
export type Param = null | undefined | boolean | number | bigint | string | Date | Uint8Array | readonly Param[];

/** Parameters by position (`?` or `$1`), or by name (`$name`). */
export type Params = readonly Param[] | Readonly<Record<string, Param>>;

interface Bound {
  value: api.DuckDBValue;
  type: api.DuckDBType;
}

/** Parameters for DuckDB: values and their types. */
export type BoundParams =
  | { values: api.DuckDBValue[]; types: api.DuckDBType[] }
  | { values: Record<string, api.DuckDBValue>; types: Record<string, api.DuckDBType> };

/** @throws StorageError `OPTIONS_INVALID` for a value that cannot be bound. */
export function bindParams(params: Params): BoundParams {
  if (isList(params)) {
    const bound = params.map((param, index) => bind(param, `$${index + 1}`));
    return { values: bound.map(({ value }) => value), types: bound.map(({ type }) => type) };
  }
  const bound = Object.entries(params).map(([name, param]) => [name, bind(param, `$${name}`)] as const);
  return {
    values: Object.fromEntries(bound.map(([name, { value }]) => [name, value])),
    types: Object.fromEntries(bound.map(([name, { type }]) => [name, type])),
  };
}

const isList = (params: Params): params is readonly Param[] => Array.isArray(params);

/**
 * Bind an integer as an integer: a DOUBLE would make DuckDB compare BIGINT columns with rounding.
 */
function bind(param: Param, name: string): Bound {
  if (param === null || param === undefined) return { value: null, type: api.SQLNULL };
  switch (typeof param) {
    case 'boolean':
      return { value: param, type: api.BOOLEAN };
    case 'string':
      return { value: param, type: api.VARCHAR };
    case 'bigint':
      return bindBigint(param, name);
    case 'number':
      if (!Number.isSafeInteger(param) || Object.is(param, -0)) return { value: param, type: api.DOUBLE };
      return Math.abs(param) < 2 ** 31
        ? { value: param, type: api.INTEGER }
        : { value: BigInt(param), type: api.BIGINT };
  }
  if (param instanceof Date) {
    if (Number.isNaN(param.getTime())) throw invalid(name, 'an invalid Date');
    return { value: new api.DuckDBTimestampValue(BigInt(param.getTime()) * 1000n), type: api.TIMESTAMP };
  }
  if (param instanceof Uint8Array) return { value: api.blobValue(param), type: api.BLOB };
  if (Array.isArray(param)) return bindList(param, name);
  throw invalid(name, `a ${(param as object).constructor?.name ?? 'value'}`);
}

function bindBigint(value: bigint, name: string): Bound {
  if (BigInt.asIntN(64, value) === value) return { value, type: api.BIGINT };
  if (BigInt.asIntN(128, value) === value) return { value, type: api.HUGEINT };
  throw invalid(name, 'a bigint of more than 128 bits');
}

function bindList(params: readonly Param[], name: string): Bound {
  const bound = params.map((param, index) => bind(param, `${name}[${index}]`)).filter(({ value }) => value !== null);
  const type = bound.map(item => item.type).reduce<api.DuckDBType | undefined>((a, b) => widest(a, b, name), undefined);
  const element = type ?? api.VARCHAR;
  const values = params.map(param => (param === null || param === undefined ? null : bind(param, name).value));
  return { value: api.listValue(values.map(value => convertTo(element, value))), type: api.LIST(element) };
}

const numeric = [api.INTEGER, api.BIGINT, api.HUGEINT, api.DOUBLE] as const;

function widest(a: api.DuckDBType | undefined, b: api.DuckDBType, name: string): api.DuckDBType {
  if (a === undefined || a.typeId === b.typeId) return b;
  const [first, second] = [a, b].map(type => numeric.findIndex(other => other.typeId === type.typeId));
  if (first === undefined || second === undefined || first < 0 || second < 0)
    throw invalid(name, `a list of both ${a} and ${b}`);
  return numeric[Math.max(first, second)]!;
}

function convertTo(type: api.DuckDBType, value: api.DuckDBValue): api.DuckDBValue {
  if (type.typeId === api.DuckDBTypeId.DOUBLE && typeof value === 'bigint') return Number(value);
  const isBig = type.typeId === api.DuckDBTypeId.BIGINT || type.typeId === api.DuckDBTypeId.HUGEINT;
  return isBig && typeof value === 'number' ? BigInt(value) : value;
}

const invalid = (name: string, what: string) =>
  storageError('OPTIONS_INVALID', `The parameter ${name} is ${what}, which cannot be bound.`);

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

/** The deepest nesting of lists; no column has more. */
const maxLists = 16;

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
function bind(param: Param, name: string, lists = 0): Bound {
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
  if (Array.isArray(param)) {
    const { value, type } = bindList(param, name, lists + 1);
    return lists > 0 ? { value, type } : { value: convertTo(type, value, name), type: withText(type) };
  }
  throw invalid(name, `a ${(param as object).constructor?.name ?? 'value'}`);
}

function bindBigint(value: bigint, name: string): Bound {
  if (BigInt.asIntN(64, value) === value) return { value, type: api.BIGINT };
  if (BigInt.asIntN(128, value) === value) return { value, type: api.HUGEINT };
  throw invalid(name, 'a bigint of more than 128 bits');
}

function bindList(params: readonly Param[], name: string, lists: number): Bound {
  if (lists > maxLists) throw invalid(name.slice(0, name.indexOf('[')), `nested more than ${maxLists} lists deep`);
  const bound = params.map((param, index) => bind(param, `${name}[${index}]`, lists));
  const type = bound.map(item => item.type).reduce<api.DuckDBType>((a, b) => widest(a, b, name), api.SQLNULL);
  return { value: api.listValue(bound.map(({ value }) => value)), type: api.LIST(type) };
}

/** Binds an empty list as a list of text. */
function withText(type: api.DuckDBType): api.DuckDBType {
  if (type instanceof api.DuckDBListType) return api.LIST(withText(type.valueType));
  return isNothing(type) ? api.VARCHAR : type;
}

const isNothing = ({ typeId }: api.DuckDBType): boolean => typeId === api.DuckDBTypeId.SQLNULL;

const numeric = [api.INTEGER, api.BIGINT, api.HUGEINT, api.DOUBLE] as const;

function widest(a: api.DuckDBType, b: api.DuckDBType, name: string): api.DuckDBType {
  if (isNothing(a)) return b;
  if (isNothing(b)) return a;
  if (a instanceof api.DuckDBListType && b instanceof api.DuckDBListType)
    return api.LIST(widest(a.valueType, b.valueType, name));
  if (a.typeId === b.typeId) return b;
  const [first, second] = [a, b].map(type => numeric.findIndex(other => other.typeId === type.typeId));
  if (first === undefined || second === undefined || first < 0 || second < 0)
    throw invalid(name, `a list of both ${a} and ${b}`);
  return numeric[Math.max(first, second)]!;
}

function convertTo(type: api.DuckDBType, value: api.DuckDBValue, name: string): api.DuckDBValue {
  if (type instanceof api.DuckDBListType && value instanceof api.DuckDBListValue)
    return api.listValue(value.items.map(item => convertTo(type.valueType, item, name)));
  if (type.typeId === api.DuckDBTypeId.DOUBLE && typeof value === 'bigint') {
    if (BigInt(Number(value)) !== value) throw invalid(name, `a list of both DOUBLE and ${value}, which is no DOUBLE`);
    return Number(value);
  }
  const isBig = type.typeId === api.DuckDBTypeId.BIGINT || type.typeId === api.DuckDBTypeId.HUGEINT;
  return isBig && typeof value === 'number' ? BigInt(value) : value;
}

const invalid = (name: string, what: string) =>
  storageError('OPTIONS_INVALID', `The parameter ${name} is ${what}, which cannot be bound.`);

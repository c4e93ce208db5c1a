import { writeFileSync } from 'node:fs';
import { convertedTypes, logicalTypes, physicalTypes } from '../../src/parquet/schema-element.js';
import { compact, parquetFile } from './thrift-bytes.js';

const { i32, i64, list, struct, text } = compact;

/** An element of a schema: types are numbers of the format. */
export interface Element {
  name: string;
  type?: number;
  length?: number;
  repetition?: number;
  children?: Element[];
  converted?: number;
  scale?: number;
  precision?: number;
  logical?: Buffer;
}

/** A file without rows whose footer has this schema, element by element. */
export function writeSchema(path: string, columns: Element[], keyValue: Record<string, string> = {}): void {
  const flat = (element: Element): Buffer[] => [elementOf(element), ...(element.children ?? []).flatMap(flat)];
  const root = { name: 'schema', children: columns };
  const pairs = Object.entries(keyValue).map(([key, value]) => struct([1, text(key)], [2, text(value)]));
  const footer = struct(
    [1, i32(2)],
    [2, list('struct', flat(root))],
    [3, i64(0)],
    [4, list('struct', [])],
    [5, list('struct', pairs)],
  );
  writeFileSync(path, parquetFile(footer));
}

function elementOf(element: Element): Buffer {
  const fields: [number, Buffer][] = [];
  const number = (id: number, value: number | undefined) => value !== undefined && fields.push([id, i32(value)]);
  number(1, element.type);
  number(2, element.length);
  number(3, element.repetition ?? (element.children?.length && element.name === 'schema' ? undefined : 1));
  fields.push([4, text(element.name)]);
  number(5, element.children?.length);
  number(6, element.converted);
  number(7, element.scale);
  number(8, element.precision);
  if (element.logical !== undefined) fields.push([10, element.logical]);
  return struct(...fields);
}

export const converted = (name: (typeof convertedTypes)[number]): number => convertedTypes.indexOf(name);
export const logical = (name: string, ...parameters: [number, Buffer][]): Buffer => {
  const [id] = Object.entries(logicalTypes).find(([, type]) => type === name) ?? [];
  return struct([Number(id), struct(...parameters)]);
};
export const physical = (name: (typeof physicalTypes)[number]): number => physicalTypes.indexOf(name);

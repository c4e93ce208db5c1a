import { join } from 'node:path';
import parquet from 'parquetjs-lite';
import { type Canonical, floatText } from '../canonical.js';
import type { Random } from '../random.js';
import type { WrittenFile } from './javascript.js';

const doubles = [0, 1.5, -2.25, 5e-324, 1.7976931348623157e308];
const texts = ['', 'a', 'ü€😀', 'q"uo,te', 'a\nb'];
const longs = [0, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];

interface Inner {
  y: number;
  z: string[];
}
interface Row {
  leaf: number[];
  words: string[];
  pairs: { a?: number; b?: string; c: number[] }[];
  deep: { x: number; list: Inner[] };
}

const optional = { optional: true };
const repeated = { repeated: true };
const fields = {
  leaf: { type: 'INT64', ...repeated },
  words: { type: 'UTF8', ...repeated },
  pairs: {
    ...repeated,
    fields: { a: { type: 'INT64', ...optional }, b: { type: 'UTF8', ...optional }, c: { type: 'DOUBLE', ...repeated } },
  },
  deep: {
    fields: {
      x: { type: 'INT32' },
      list: { ...repeated, fields: { y: { type: 'DOUBLE' }, z: { type: 'UTF8', ...repeated } } },
    },
  },
};

/**
 * Lets parquetjs-lite write repeated columns and groups without LIST annotations, nested up to
 * three levels.
 */
export async function writeRepeated(folder: string, file: string, random: Random): Promise<WrittenFile> {
  const some = <T>(make: () => T): T[] => Array.from({ length: random.below(4) }, make);
  const rows: Row[] = Array.from({ length: 23 }, () => ({
    leaf: some(() => random.pick(longs)),
    words: some(() => random.pick(texts)),
    pairs: some(() => ({
      ...(random.below(3) > 0 && { a: random.pick(longs) }),
      ...(random.below(3) > 0 && { b: random.pick(texts) }),
      c: some(() => random.pick(doubles)),
    })),
    deep: { x: 7, list: some(() => ({ y: random.pick(doubles), z: some(() => random.pick(texts)) })) },
  }));
  const writer = await parquet.ParquetWriter.openFile(new parquet.ParquetSchema(fields), join(folder, file), {
    useDataPageV2: false,
  });
  writer.setRowGroupSize(random.pick([5, 4096]));
  for (const row of rows) await writer.appendRow(row as unknown as Record<string, unknown>);
  await writer.close();
  const found: WrittenFile['case'] = {
    file,
    writer: 'parquetjs-lite',
    how: 'repeated columns and groups',
    refusable: {},
  };
  return { case: found, columns: columnsOf(rows) };
}

function columnsOf(rows: readonly Row[]): WrittenFile['columns'] {
  const long = (value: number | undefined): Canonical => (value === undefined ? null : `i:${value}`);
  const text = (value: string | undefined): Canonical => (value === undefined ? null : `s:${value}`);
  const list = <T>(values: readonly T[], of: (value: T) => Canonical): Canonical => ({ l: values.map(of) });
  const pair = ({ a, b, c }: Row['pairs'][number]): Canonical => ({
    s: [
      ['a', long(a)],
      ['b', text(b)],
      ['c', list(c, floatText)],
    ],
  });
  const inner = ({ y, z }: Inner): Canonical => ({
    s: [
      ['y', floatText(y)],
      ['z', list(z, text)],
    ],
  });
  return [
    { name: 'leaf', type: 'repeated INT64', values: rows.map(row => list(row.leaf, long)) },
    { name: 'words', type: 'repeated UTF8', values: rows.map(row => list(row.words, text)) },
    { name: 'pairs', type: 'repeated group', values: rows.map(row => list(row.pairs, pair)) },
    {
      name: 'deep',
      type: 'group of repeated groups',
      values: rows.map(row => ({
        s: [
          ['x', 'i:7'],
          ['list', list(row.deep.list, inner)],
        ],
      })),
    },
  ];
}

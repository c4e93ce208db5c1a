import type { SchemaElement } from 'hyparquet';
import { type Canonical, floatText } from '../canonical.js';
import type { ValueColumn } from './values.js';

type Element = Partial<SchemaElement>;

const integer = (value: number | bigint): Canonical => `i:${value}`;
const nanosOf =
  (letter: 't' | 'T' | 'Z', perUnit: bigint) =>
  (value: number | bigint): Canonical =>
    `${letter}:${BigInt(value) * perUnit}`;
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): Canonical => `s:${new TextDecoder().decode(bytes)}`;

/**
 * Returns an integer with only a converted type: pyarrow cannot read this writer's logical type.
 */
const sized = (bits: 8 | 16 | 32 | 64, isSigned: boolean): Element => ({
  type: bits === 64 ? 'INT64' : 'INT32',
  converted_type: `${isSigned ? 'INT' : 'UINT'}_${bits}` as SchemaElement['converted_type'],
});

const units = { MILLIS: 1_000_000n, MICROS: 1_000n, NANOS: 1n } as const;
type Unit = keyof typeof units;

const column = (
  name: string,
  element: Element | readonly Element[],
  values: unknown[],
  canonical: ValueColumn['canonical'],
): ValueColumn => ({ name, values, canonical, annotated: Array.isArray(element) ? element : [element as Element] });

function integers(): ValueColumn[] {
  const small = ([8, 16, 32] as const).flatMap(bits => [
    column(`signed_${bits}`, sized(bits, true), [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, 0], integer),
    column(`unsigned_${bits}`, sized(bits, false), [0, 2 ** bits - 1, 2 ** (bits - 1)], integer),
  ]);
  return [
    ...small,
    column('signed_64', sized(64, true), [-(2n ** 63n), 2n ** 63n - 1n, -1n, 0n], integer),
    column('unsigned_64', sized(64, false), [2n ** 64n - 1n, 2n ** 63n, 0n], integer),
  ];
}

function times(): ValueColumn[] {
  const columns: ValueColumn[] = [];
  for (const [unit, perUnit] of Object.entries(units) as [Unit, bigint][]) {
    const day = 86_400_000_000_000n / perUnit;
    const old = unit === 'NANOS' ? undefined : unit;
    const moments = [0n, -1n, 1n, 1_600_000_000n * (day / 86_400n) + 7n];
    const element = (type: 'TIME' | 'TIMESTAMP', isAdjustedToUTC: boolean): Element => ({
      type: type === 'TIME' && unit === 'MILLIS' ? 'INT32' : 'INT64',
      ...(old !== undefined && { converted_type: `${type}_${old}` as SchemaElement['converted_type'] }),
      logical_type: { type, isAdjustedToUTC, unit },
    });
    const clock = [0n, day - 1n, day / 2n + 1n].map(value => (unit === 'MILLIS' ? Number(value) : value));
    columns.push(column(`time_${unit}`, element('TIME', false), clock, nanosOf('t', perUnit)));
    if (old !== undefined)
      columns.push(column(`time_utc_${unit}`, element('TIME', true), clock, nanosOf('t', perUnit)));
    columns.push(column(`stamp_${unit}`, element('TIMESTAMP', false), moments, nanosOf('T', perUnit)));
    const whole = unit === 'NANOS' ? moments.map(value => value - (value % 1000n)) : moments;
    columns.push(column(`zoned_${unit}`, element('TIMESTAMP', true), whole, nanosOf('Z', perUnit)));
    if (old === undefined) continue;
    const { logical_type: _, ...alone } = element('TIMESTAMP', false);
    columns.push(column(`old_${unit}`, alone, moments, nanosOf('T', perUnit)));
  }
  return columns;
}

function decimals(): ValueColumn[] {
  const of = (name: string, precision: number, scale: number, physical: Element): ValueColumn => {
    const most = 10n ** BigInt(precision) - 1n;
    // This writer stores zero as no bytes, which pyarrow refuses.
    const zero = physical.type === 'BYTE_ARRAY' ? [] : [0n];
    const text = (value: bigint): Canonical => {
      const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0');
      const whole = digits.slice(0, digits.length - scale);
      return `n:${value < 0n ? '-' : ''}${whole}${scale > 0 ? `.${digits.slice(-scale)}` : ''}`;
    };
    const both: Element = {
      converted_type: 'DECIMAL',
      precision,
      scale,
      logical_type: { type: 'DECIMAL', precision, scale },
    };
    return column(name, { ...physical, ...both }, [...zero, 1n, -1n, most, -most], text);
  };
  return [
    of('decimal_int32', 9, 2, { type: 'INT32' }),
    of('decimal_int64', 18, 4, { type: 'INT64' }),
    of('decimal_fixed', 38, 10, { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16 }),
    of('decimal_bytes', 30, 5, { type: 'BYTE_ARRAY' }),
  ];
}

const list = (...element: Element[]): Element[] => [
  { repetition_type: 'OPTIONAL', converted_type: 'LIST', num_children: 1 },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  ...element.map((one, index) => (index === 0 ? { name: 'element', ...one } : one)),
];
const listText =
  <T>(of: (value: T) => Canonical) =>
  (values: readonly (T | null)[]): Canonical => ({ l: values.map(value => (value === null ? null : of(value))) });

function nested(): ValueColumn[] {
  const days: Element = { type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } };
  const pair: Element[] = [
    { repetition_type: 'OPTIONAL', num_children: 2 },
    { name: 'at', ...days, repetition_type: 'OPTIONAL' },
    { name: 'x', type: 'DOUBLE', repetition_type: 'OPTIONAL' },
  ];
  const pairText = ({ at, x }: { at: number; x: number }): Canonical => ({
    s: [
      ['at', `d:${at}`],
      ['x', floatText(x)],
    ],
  });
  const pairs = [
    { at: 18_321, x: -0 },
    { at: -1, x: 0.1 },
  ];
  return [
    column('list', list({ type: 'INT64' }), [[1n, null, -(2n ** 63n)], [], [7n]], listText(integer)),
    column('list_of_pairs', list(...pair), [pairs, [], [null]], listText(pairText)),
    column('three_deep', list(...list(...pair)), [[pairs, [], null], []], listText(listText(pairText))),
  ];
}

/**
 * Columns with each annotation of the format, which hyparquet-writer writes by an explicit schema.
 */
export const annotatedColumns: readonly ValueColumn[] = [
  ...integers(),
  ...times(),
  ...decimals(),
  column(
    'day',
    { type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } },
    [0, -1, 18_321, -719_162],
    (v: number) => `d:${v}`,
  ),
  column(
    'enum',
    { type: 'BYTE_ARRAY', converted_type: 'ENUM', logical_type: { type: 'ENUM' } },
    ['a', 'b'].map(utf8),
    textOf,
  ),
  column('text_alone', { type: 'BYTE_ARRAY', converted_type: 'UTF8' }, ['', 'ü€😀'], (v: string) => `s:${v}`),
  column(
    'bson',
    { type: 'BYTE_ARRAY', logical_type: { type: 'BSON' } },
    [new Uint8Array([5, 0, 0, 0, 0])],
    (v: Uint8Array) => `b:${Buffer.from(v).toString('hex')}`,
  ),
  ...nested(),
];

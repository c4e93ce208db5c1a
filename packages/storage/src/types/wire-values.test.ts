import { expect, test } from 'vitest';
import { decodeValue, encodeValue } from './wire-values.js';

const throughJson = (value: unknown) => decodeValue(JSON.parse(JSON.stringify(encodeValue(value))));

test('each value comes back as it was', () => {
  const record = Object.create(null) as Record<string, unknown>;
  Object.defineProperty(record, '__proto__', { value: 1, enumerable: true });
  for (const value of [
    null,
    true,
    '',
    'bigint',
    0,
    -0,
    1.5e300,
    Number.NaN,
    Number.NEGATIVE_INFINITY,
    2n ** 100n,
    -1n,
    new Date(-1),
    new Uint8Array([0, 255]),
    [],
    ['bigint', '1', [null]],
    new Map<unknown, unknown>([
      [1, 'a'],
      ['1', new Map([[null, []]])],
    ]),
    { months: 1, days: 2, micros: 3n },
    {},
    record,
  ])
    expect(throughJson(value)).toStrictEqual(value);
  expect(throughJson(new Date(Number.NaN))).toStrictEqual(new Date(Number.NaN));
  expect(Object.is(throughJson(-0), -0)).toBe(true);
});

test('anything else is refused, however deep it is', () => {
  let deep: unknown = null;
  for (let depth = 0; depth < 10_000; depth++) deep = ['list', deep];
  for (const wrong of [
    {},
    [],
    ['x'],
    ['bigint', '1e9'],
    ['number', '5'],
    ['struct', [1, 2]],
    ['map', [1]],
    ['bytes', 1],
    deep,
  ])
    expect(() => decodeValue(wrong)).toThrow('not written as the bus writes values');
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonProblem } from './json-problem.js';

class Fee {
  readonly rate = 0.1;
}

const cyclic: Record<string, unknown> = {};
cyclic.self = cyclic;

test.each<[string, unknown]>([
  ['NaN', NaN],
  ['an infinity', -Infinity],
  ['a bigint', 1n],
  ['a Map', new Map([['fee', 1]])],
  ['a Set', new Set([1])],
  ['an invalid Date', new Date(NaN)],
  ['a function', () => 1],
  ['a symbol', Symbol('a')],
  ['an instance of a class', new Fee()],
  ['an Error', new Error('lost')],
  ['a regular expression', /a/],
  ['numbers in an array of their own kind', new Float64Array([1])],
  ['undefined in an array', [undefined]],
  ['a hole in an array', new Array(1)],
  ['half of a character', '\ud83d'],
  ['what toJSON makes of an object', { toJSON: () => ({ fee: NaN }) }],
])('%s is found, with its place', (_what, value) => {
  const problem = jsonProblem({ fine: 1, params: [{ value }] });
  expect(problem?.path.slice(0, 3)).toEqual(['params', 0, 'value']);
  expect(problem?.message).toMatch(/^(is|has) /);
});

test('a key that is half of a character, and a cycle, are found too', () => {
  expect(jsonProblem({ '\ud83d': 1 })?.message).toContain('half');
  expect(jsonProblem(cyclic)?.message).toContain('circular');
});

test('a valid Date is its time, and an undefined property is absent', () => {
  const value = { at: new Date(0), none: undefined, bare: Object.assign(Object.create(null), { a: 1 }) };
  expect(jsonProblem(value)).toBeUndefined();
  expect(JSON.parse(JSON.stringify(value))).toEqual({ at: '1970-01-01T00:00:00.000Z', bare: { a: 1 } });
});

test('what has no problem comes back from JSON as it was, and all JSON has none', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), value => {
      expect(jsonProblem(value)).toBeUndefined();
    }),
  );
  const values = [
    fc.boolean(),
    fc.integer(),
    fc.double().map(n => n + 0),
    fc.string({ unit: 'binary' }),
    fc.constant(null),
  ]; // JSON writes -0 as 0
  fc.assert(
    fc.property(fc.anything({ withMap: true, withNullPrototype: true, withSparseArray: true, values }), value => {
      fc.pre(value !== undefined && jsonProblem(value) === undefined);
      expect(JSON.parse(JSON.stringify(value))).toEqual(value);
    }),
  );
});

test('an object whose toJSON gives an object with a toJSON is refused at its place', () => {
  const forEver = {
    toJSON() {
      return forEver;
    },
  };
  expect(jsonProblem({ a: [forEver] })).toMatchObject({ path: ['a', 0], message: expect.stringContaining('toJSON') });
});

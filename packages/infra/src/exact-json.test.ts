import fc from 'fast-check';
import { expect, test } from 'vitest';
import { exactJson } from './exact-json.js';

test('every number comes back with its sign, at any depth, and nothing else changes', () => {
  const number = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(-0));
  const text = fc.oneof(fc.string(), fc.constantFrom('-0', '-0!', '"-0"', '-0.0'));
  const { tree } = fc.letrec<{ tree: unknown }>(tie => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      number,
      text,
      fc.constant(null),
      fc.array(tie('tree')),
      fc.dictionary(text, tie('tree'), { noNullPrototype: true }),
    ),
  }));
  fc.assert(
    fc.property(
      tree.filter(value => !JSON.stringify(value).includes('__proto__')),
      fc.constantFrom(undefined, 2),
      (value, indent) => {
        expect(JSON.parse(exactJson(value, indent))).toEqual(value);
        expect(exactJson(value, indent).replaceAll(/-0\.0(?=[,\s\]}]|$)/g, '0')).toBe(
          JSON.stringify(value, null, indent)?.replaceAll(/-0\.0(?=[,\s\]}]|$)/g, '0'),
        );
      },
    ),
  );
});

test('an object is written as its toJSON says', () => {
  expect(exactJson({ at: new Date(0), price: { toJSON: () => [-0] } })).toBe(
    '{"at":"1970-01-01T00:00:00.000Z","price":[-0.0]}',
  );
});

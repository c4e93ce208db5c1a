import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JsonError, parseJsonStrictly } from './strict-json.js';

const parse = (text: string, maxDepth = 64) => parseJsonStrictly(Buffer.from(text), maxDepth);

/** Returns this many nested objects. */
function nested(depth: number, innermost: unknown = 1): unknown {
  let value = innermost;
  for (let level = 0; level < depth; level++) value = { a: value };
  return value;
}

test('what JSON.parse makes of a text with distinct keys is what comes out', () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 5 }),
      fc.constantFrom(undefined, 2),
      fc.constantFrom('', '\n'),
      (value, indent, end) => {
        const text = JSON.stringify(value, null, indent) + end;
        if (text.includes('__proto__')) return;
        expect(parse(text)).toEqual(JSON.parse(text));
      },
    ),
  );
});

test.each([
  ['a key twice', '{"a":1,"a":2}'],
  ['a key twice, once escaped', '{"a":1,"\\u0061":2}'],
  ['a key twice, deep inside', '{"a":[{"b":{"c":1,"d":"{","c":2}}]}'],
  ['__proto__', '{"__proto__":{"a":1}}'],
  ['__proto__, escaped', '{"meta":{"\\u005f_proto__":1}}'],
  ['a key twice, in the form that producers write', '{\n  "a": 1,\n  "a": 2\n}\n'],
  ['a key twice with one value, in the form that producers write', '{\n  "a": 1,\n  "a": 1\n}\n'],
  ['__proto__, in the form that producers write', '{\n  "__proto__": 1\n}\n'],
  ['too deep, in the form that producers write', `${JSON.stringify(nested(65), null, 2)}\n`],
  ['too deep and empty inside, in the form that producers write', `${JSON.stringify(nested(64, []), null, 2)}\n`],
  ['far too deep, and it begins as producers do', `{\n  "a": ${'['.repeat(100_000)}${']'.repeat(100_000)}\n}\n`],
  ['an integer with more digits than a float', '{"meta":{"id":12345678901234567890}}'],
  ['the same, in the form that producers write', '{\n  "id": 9007199254740993\n}\n'],
  ['a negative one, deep inside', '[[{"id":[-9007199254740993]}]]'],
  ['a number beyond every float', '{"x":1e400}'],
  ['a number below every float', '{"x":-0.1E-400}'],
  ['half a text', '{"a":'],
  ['nothing', ''],
  ['two values', '{} {}'],
  ['a trailing comma', '[1,]'],
  ['NaN', 'NaN'],
  ['too deep', `${'['.repeat(65)}${']'.repeat(65)}`],
  ['far too deep', '['.repeat(1_000_000)],
])('refused: %s', (_what, text) => {
  expect(() => parse(text)).toThrow(JsonError);
});

test.each([
  ['a key again in another object', '{"a":{"a":{"a":1}},"b":{"a":2}}'],
  ['values that look like keys', '{"a":"b","b":"a","c":["a","a"]}'],
  ['strings with quotes, brackets and backslashes', '{"a\\"{":"}\\\\","[":"\\\\\\"a"}'],
  ['the depth that is allowed', `${'['.repeat(64)}${']'.repeat(64)}`],
  ['the depth that is allowed, in the form that producers write', `${JSON.stringify(nested(64), null, 2)}\n`],
  ['the integers that a float holds', '[0,-0,9007199254740991,-9007199254740991,9007199254740992,1152921504606847000]'],
  ['numbers with fractions and exponents', '[-0.0,0e5,0.1,1E5,5e-324,1.7976931348623157e308,0.1000000000000000055511]'],
  ['texts that look like numbers', '{"12345678901234567890":"1e400","b":"-9007199254740993"}'],
  ['a byte order mark', '\uFEFF{"a":1}'],
])('taken: %s', (_what, text) => {
  expect(parse(text)).toEqual(JSON.parse(text.replace('\uFEFF', '')));
});

test('bytes that are not UTF-8 are refused', () => {
  expect(() => parseJsonStrictly(Buffer.from([0x22, 0xff, 0x22]), 64)).toThrow('not valid UTF-8');
  expect(() => parseJsonStrictly(Buffer.from('"a"', 'utf16le'), 64)).toThrow(JsonError);
});

test('a string that never ends costs no more than its length', () => {
  const begin = process.cpuUsage();
  expect(() => parse(`"${'\\"'.repeat(500_000)}`)).toThrow(JsonError);
  expect(() => parse(`{"a":${'"'.repeat(1_000_001)}`)).toThrow(JsonError);
  expect(process.cpuUsage(begin).user).toBeLessThan(1_000_000); // microseconds
});

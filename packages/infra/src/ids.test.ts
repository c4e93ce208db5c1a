import fc from 'fast-check';
import { expect, test } from 'vitest';
import { storeRelPath } from './bus-layout.js';
import { artifactKeySchema, idSchema } from './id-schemas.js';
import { artifactKey, inJobId, isId, maxIdLength, newJobId, producerInJobId } from './ids.js';

test.each(['a', '0', 'run-123', 'A.b_c-d', 'a..b', 'x'.repeat(maxIdLength), 'CON', 'null'])('%j is an id', text => {
  expect(isId(text)).toBe(true);
  expect(idSchema.safeParse(text).success).toBe(true);
});

test.each([
  '',
  '.',
  '..',
  '.hidden',
  '-flag',
  '_x',
  'a/b',
  'a\\b',
  '../a',
  'a\0',
  'a\n',
  '\na',
  'a b',
  ' a',
  'a ',
  'a@b',
  'a~b',
  'a=b',
  'a*',
  'é',
  '🚀',
  'a\u200b',
  "'; DROP TABLE artifacts_f; --",
  'x'.repeat(maxIdLength + 1),
  'x'.repeat(10_000),
])('%j is no id', text => {
  expect(isId(text)).toBe(false);
  expect(idSchema.safeParse(text).success).toBe(false);
});

test('an artifact key is the four ids joined by slashes', () => {
  expect(artifactKey({ runId: 'run-123', producer: 'simulation', kind: 'trades', artifactId: 'fills' })).toBe(
    'run-123/simulation/trades/fills',
  );
});

test.each(['a/b/c', 'a/b/c/d/e', 'a/b/c/', '/a/b/c', 'a//c/d', 'a/b/../d', ''])('%j is no artifact key', key => {
  expect(artifactKeySchema.safeParse(key).success).toBe(false);
});

const id = fc
  .tuple(fc.constantFrom(...'aZ09'), fc.string({ unit: fc.constantFrom(...'aZ09._-'), maxLength: maxIdLength - 1 }))
  .map(([first, rest]) => first + rest);
const parts = fc.record({ runId: id, producer: id, kind: id, artifactId: id });

test('two artifacts never share a path in the store, and no path leaves it', () => {
  fc.assert(
    fc.property(parts, parts, (a, b) => {
      expect(storeRelPath(a).toLowerCase() === storeRelPath(b).toLowerCase()).toBe(artifactKey(a) === artifactKey(b));
      const steps = storeRelPath(a).split('/');
      expect(steps).toHaveLength(4);
      for (const step of steps) {
        expect(step).not.toMatch(/^\.*$/);
        expect(Buffer.byteLength(step)).toBeLessThanOrEqual(255);
      }
    }),
  );
});

test('whatever the pattern takes is an id of its own file name', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), text => isId(text) === idSchema.safeParse(text).success));
  fc.assert(fc.property(id, text => isId(text)));
});

test('keys that differ only in case have paths that differ where names ignore case; others are plain', () => {
  const parts = { producer: 'p', kind: 'k', runId: 'r', artifactId: 'a' };
  expect(storeRelPath(parts)).toBe('store/p/k/r@a.parquet');
  const variants = [parts, { ...parts, artifactId: 'A' }, { ...parts, runId: 'R' }, { ...parts, producer: 'P' }];
  expect(new Set(variants.map(variant => storeRelPath(variant).toLowerCase())).size).toBe(variants.length);
  const longest = { producer: 'p', kind: 'k', runId: 'R'.repeat(100), artifactId: 'A'.repeat(100) };
  expect(storeRelPath(longest).split('/').at(-1)?.length).toBeLessThanOrEqual(255);
});

test.each(['a', 'sim-2.b', 'x'.repeat(maxIdLength)])('the id of a job names the producer %s', producer => {
  const jobId = newJobId(producer);
  expect(isId(jobId)).toBe(true);
  expect(producerInJobId(jobId)).toBe(inJobId(producer));
});

test('an id of another form names no producer', () => {
  for (const jobId of ['job-7', 'twin', `${newJobId('a')}0`]) expect(producerInJobId(jobId)).toBeUndefined();
});

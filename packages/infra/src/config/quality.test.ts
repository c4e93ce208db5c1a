import { expect, test } from 'vitest';
import { qualitySchema } from './quality.js';

const isTaken = (matches: string) => qualitySchema.safeParse({ columns: { x: { matches } } }).success;

test.each([
  '[A-Z]{2,5}',
  'a|b',
  '(?i)abc',
  '(?i:a)b',
  '(?s-i)a',
  '(?:a)',
  '(?P<n>a)',
  '\\Aa\\z',
  '[[:alpha:]_]+',
  '\\p{L}',
])('a pattern of DuckDB is taken: %s', pattern => expect(isTaken(pattern)).toBe(true));

test.each(['(', '[a', 'a(?=b)', '(?<!a)b', '(a)\\1', '*'])('no pattern of DuckDB is refused: %s', pattern =>
  expect(isTaken(pattern)).toBe(false),
);

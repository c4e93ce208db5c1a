import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { canonTableOf, schemaHintProblem, schemaHintWarning } from './schema-hint.js';

/**
 * The Python tests read this file too: both languages refuse the same hints with the same words.
 */
const { good, bad, warned, silent } = JSON.parse(
  readFileSync(new URL('../fixtures/schema-hints.json', import.meta.url), 'utf8'),
) as {
  good: Record<string, string | null>;
  bad: Record<string, string>;
  warned: Record<string, string>;
  silent: string[];
};

test.each(Object.entries(good))('the hint %s is taken, for the table %s', (hint, table) => {
  expect(schemaHintProblem(hint)).toBeUndefined();
  expect(canonTableOf(hint) ?? null).toBe(table);
});

test.each(Object.entries(bad))('the hint %j is refused: %s', (hint, problem) => {
  expect(schemaHintProblem(hint)).toBe(problem);
  expect(canonTableOf(hint)).toBeUndefined();
});

test.each(Object.entries(warned))('the hint %s is taken with a warning', (hint, warning) => {
  expect(schemaHintProblem(hint)).toBeUndefined();
  expect(schemaHintWarning(hint)).toBe(warning);
});

test.each(silent)('the hint %s needs no warning', hint => {
  expect(schemaHintWarning(hint)).toBeUndefined();
});

test('no hint is a good hint', () => {
  expect(schemaHintProblem(undefined)).toBeUndefined();
  expect(schemaHintWarning(undefined)).toBeUndefined();
  expect(canonTableOf(null)).toBeUndefined();
});

import { expect, test } from 'vitest';
import { pastQueries, rememberQuery } from './past-queries.js';

/** A storage with one place. */
function storageWith(text: string | null) {
  return {
    getItem: () => text,
    setItem(_: string, value: string) {
      text = value;
    },
  };
}

test('the newest query comes first, once, and the oldest go', () => {
  const storage = storageWith(null);
  for (let n = 0; n < 40; n++) rememberQuery(`SELECT ${n}`, storage);
  rememberQuery('SELECT 35', storage);
  const past = pastQueries(storage);
  expect(past.slice(0, 2)).toEqual(['SELECT 35', 'SELECT 39']);
  expect(past).toHaveLength(30);
  expect(new Set(past).size).toBe(30);
});

test.each(['{', '{}', '[1, null]', null])('a place that holds %s has no queries', text => {
  expect(pastQueries(storageWith(text))).toEqual([]);
});

test('a browser that keeps nothing does no harm', () => {
  const forbidden = () => {
    throw new Error('forbidden');
  };
  expect(rememberQuery('SELECT 1', { getItem: forbidden, setItem: forbidden })).toEqual(['SELECT 1']);
});

import { expect, test } from 'vitest';
import { toLocal, toUtc } from './parts/filters.js';
import { filtersOf, linkTo, listLink, routeOf } from './route.js';

test('a place with any characters comes back from its link', () => {
  const parts = ['artifacts', 'run?1/p/k/a b%#&'];
  expect(routeOf(linkTo(...parts))).toEqual(parts);
  expect(filtersOf(linkTo(...parts))).toEqual({});
  expect(routeOf('#/jobs/%E0%A4%A')).toEqual(['jobs', '%E0%A4%A']);
});

test('filters come back from the link of a list, and empty ones are not in it', () => {
  const link = listLink('jobs', { text: 'a&b=c ?#%', status: '', before: 7, run: undefined });
  expect(routeOf(link)).toEqual(['jobs']);
  expect(filtersOf(link)).toEqual({ text: 'a&b=c ?#%', before: '7' });
  expect(listLink('jobs', {})).toBe('#/jobs');
});

test('a time of the reader comes back from UTC', () => {
  expect(toUtc(toLocal('2026-07-01T10:30:00.000Z'))).toBe('2026-07-01T10:30:00.000Z');
  expect(toLocal('never')).toBe('');
  expect(toUtc('')).toBe('');
});

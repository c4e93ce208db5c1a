import { expect, test, vi } from 'vitest';
import {
  ago,
  bytes,
  count,
  duration,
  exactTime,
  hasWords,
  rounded,
  short,
  timeTicks,
  valueTicks,
  when,
  withoutZone,
} from './words.js';

test.each([
  [0, '0 bytes'],
  [1023, '1,020 bytes'],
  [1024, '1 KiB'],
  [1536, '1.5 KiB'],
  [5 * 1024 ** 3, '5 GiB'],
])('%d bytes are %s', (n, text) => expect(bytes(n)).toBe(text));

test.each([
  [0.5, '0.5 ms'],
  [999, '999 ms'],
  [1000, '1 s'],
  [90_000, '90 s'],
  [180_000, '3 min'],
  [7_200_000, '2 h'],
  [86_400_000 * 3, '3 d'],
])('%d ms are %s', (ms, text) => expect(duration(ms)).toBe(text));

test('a moment is told by its distance', () => {
  const now = Date.parse('2026-01-31T12:00:00Z');
  expect(ago('2026-01-31T12:00:00Z', now)).toBe('just now');
  expect(ago('2026-01-31T11:00:00Z', now)).toBe('60 min ago');
});

test('a moment that is long ago is told by its date, and exactly by the zone of the reader and UTC', () => {
  const now = Date.parse('2026-01-31T12:00:00Z');
  expect(when('2026-01-31T11:00:00Z', now)).toBe('60 min ago');
  expect(when('2026-01-11T11:00:00Z', now)).toMatch(/1[01] Jan 2026/);
  expect(exactTime('2026-01-31T11:00:00.250Z')).toMatch(/ \(.+\), 2026-01-31 11:00:00\.250 UTC$/);
});

test('a long id loses its middle, a short one nothing', () => {
  expect(short('20261128T125010905Z-notebook-99cb7af5629e')).toBe('20261128T12…9cb7af5629e');
  expect(short('job-1')).toBe('job-1');
});

test.each([
  ['TIMESTAMP', '2024-01-01T10:00:00.5Z', '2024-01-01 10:00:00.5'],
  ['TIMESTAMP_NS', '2024-01-01T10:00:00.000Z', '2024-01-01 10:00:00'],
  ['TIMESTAMP WITH TIME ZONE', '2024-01-01T10:00:00Z', '2024-01-01T10:00:00Z'],
  ['TIMESTAMP', 'infinity', 'infinity'],
  ['VARCHAR', '2024-01-01T10:00:00Z', '2024-01-01T10:00:00Z'],
])('%s shows %s as %s', (type, value, text) => expect(withoutZone(type, value)).toBe(text));

test('thousands are set apart', () => expect(count(1234567)).toBe('1,234,567'));

test('no time makes a formatter of its own, which would cost more than its row of a list', () => {
  const made = [vi.spyOn(Date.prototype, 'toLocaleString'), vi.spyOn(Intl, 'DateTimeFormat')];
  exactTime('2026-01-31T11:00:00.250Z');
  when('2020-01-31T11:00:00Z');
  for (const spy of made) {
    expect(spy).not.toHaveBeenCalled();
    spy.mockRestore();
  }
});

test('a text has all words, in any case', () => {
  expect(hasWords('canon.Trades price', ' TRADES pri')).toBe(true);
  expect(hasWords('canon.trades', 'trades price')).toBe(false);
  expect(hasWords('canon.trades')).toBe(true);
});

test.each([
  [
    [new Date(2026, 10, 29, 14, 38, 30), new Date(2026, 10, 29, 14, 39)],
    ['14:38:30', '14:39:00'],
  ],
  [
    [new Date(2026, 10, 28, 23), new Date(2026, 10, 29), new Date(2026, 10, 29, 1)],
    ['23:00', '29 Nov', '01:00'],
  ],
  [
    [new Date(2026, 10, 29), new Date(2026, 11, 1)],
    ['29 Nov', '1 Dec'],
  ],
  [
    [new Date(2026, 10, 1), new Date(2026, 11, 1)],
    ['Nov 2026', 'Dec 2026'],
  ],
  [
    [new Date(2025, 0, 1), new Date(2026, 0, 1)],
    ['2025', '2026'],
  ],
  [[new Date(2026, 10, 29, 14)], ['14:00']],
  [[], []],
])('a time axis has the labels %#', (times, labels) => {
  expect(timeTicks(times.map(time => time.getTime() / 1000))).toEqual(labels);
});

test('two ticks of a chart never have the same label, however close they are', () => {
  expect(valueTicks([0, 1000, 2000], count)).toEqual(['0', '1,000', '2,000']);
  expect(valueTicks([100.85, 100.9, 100.95, 101.00000000000001], rounded)).toEqual([
    '100.85',
    '100.9',
    '100.95',
    '101',
  ]);
  expect(valueTicks([0.0001, 0.0002], rounded)).toEqual(['0.0001', '0.0002']);
});

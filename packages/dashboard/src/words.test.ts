import { expect, test } from 'vitest';
import { ago, bytes, count, duration } from './words.js';

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

test('thousands are set apart', () => expect(count(1234567)).toBe('1,234,567'));

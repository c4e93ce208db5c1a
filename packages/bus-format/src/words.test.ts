import { expect, test } from 'vitest';
import { sizeInWords } from './words.js';

test('sizes are in units of 1024', () => {
  expect([0, 1023, 1024, 1.5 * 1024 ** 3, 2000 * 1024 ** 5].map(sizeInWords)).toEqual([
    ...['0 bytes', '1023 bytes', '1.0 KiB', '1.5 GiB', '2000.0 PiB'],
  ]);
});

import { expect, test } from 'vitest';
import { refusalOf } from '../../test/support/refusal.js';
import { parseBusConfig } from './config.js';

test.each([
  [null, undefined],
  ['4 GB', 4000],
  [2_000_000_000, 2000],
])('memory_limit %j is %j MB', (memory_limit, expected) => {
  expect(parseBusConfig(JSON.stringify({ memory_limit }), '/bus_config.json').limits.memoryLimitMb).toBe(expected);
});

test('a memory_limit of less than 2 GB is refused', () => {
  expect(refusalOf({ memory_limit: '500 MB' })).toMatchObject({
    code: 'CONFIG_INVALID',
    details: ['memory_limit: must be at least 2 GB'],
  });
});

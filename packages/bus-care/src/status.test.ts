import { expect, test } from 'vitest';
import { describeExports } from './status.js';

test('a status shows failed exports first, and the number of those beyond one screen', () => {
  const exports = Array.from({ length: 300 }, (_, i) => ({ isOk: i % 100 !== 99, text: `table_${i}` }));
  const lines = describeExports(exports);
  expect(lines.slice(0, 4)).toEqual(['table_99', 'table_199', 'table_299', 'table_0'].map(name => `export    ${name}`));
  expect(lines.slice(-1)).toEqual(['          and 289 more exports; --json lists all']);
  expect(lines).toHaveLength(12);
  expect(describeExports(exports.slice(0, 3))).toHaveLength(3);
});

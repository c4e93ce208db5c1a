import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { labCodes } from './errors.js';

test('the README lists every error code with its hint, and no other', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const rows = [...readme.matchAll(/^\| `([A-Z_]+)` +\| (.+?) +\|$/gm)].map(([, code, hint]) => [code, { hint }]);
  expect(Object.fromEntries(rows)).toEqual(labCodes);
});

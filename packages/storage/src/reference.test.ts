import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { storageCodes } from './errors.js';
import { writableTypes } from './types/parse-type.js';

const page = (name: string): string =>
  readFileSync(new URL(`../../../docs/reference/${name}`, import.meta.url), 'utf8');

test('docs/reference/errors-storage.md has every code with disposition and hint, and no other', () => {
  const rows = [...page('errors-storage.md').matchAll(/^\| `([A-Z_]+)` \| (\w+) \| (.+) \|$/gm)].map(
    ([, code, disposition, hint]) => [code, { disposition, hint }],
  );
  expect(Object.fromEntries(rows)).toEqual(storageCodes);
});

test('docs/reference/type-mapping.md has every type that can be written, and no other', () => {
  const types = [...page('type-mapping.md').matchAll(/^\| `([A-Z_ ]+)` \| /gm)].map(([, type]) => type);
  expect(types.sort()).toEqual([...writableTypes].sort());
});

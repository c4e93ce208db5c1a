import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fileTypeRows } from './types/file-types.js';
import { writableTypes } from './types/parse-type.js';

const page = (name: string): string =>
  readFileSync(new URL(`../../../docs/reference/${name}`, import.meta.url), 'utf8');

test('docs/reference/type-mapping.md has every type that can be written, and no other', () => {
  const [, reading = ''] = /\n\| type \|(.*?)\n\n/s.exec(page('type-mapping.md')) ?? [];
  const types = [...reading.matchAll(/^\| `([A-Z_ ]+)` \| /gm)].map(([, type]) => type);
  expect(types.sort()).toEqual([...writableTypes].sort());
});

test('docs/reference/type-mapping.md says of every type of DuckDB how it is written', () => {
  const code = (text: string) => (text === '' ? '' : `\`${text}\``);
  const rows = fileTypeRows.map(
    ([name, inFile, refused, castTo]) => `| ${code(name)} | ${code(inFile)} | ${refused} | ${code(castTo)} |`,
  );
  const [, table = ''] = /\n\| DuckDB's type \|[^\n]*\n\|[-|]*\n(.*?)\n\n/s.exec(page('type-mapping.md')) ?? [];
  expect(table.split('\n')).toEqual(rows);
});

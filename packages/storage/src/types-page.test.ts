import { readFileSync } from 'node:fs';
import { markdownTable, withGenerated } from '@quantbot/tooling-config/generated';
import { expect, test } from 'vitest';
import { fileTypeRows } from './types/file-types.js';
import { valueWords } from './types/value-words.js';

const page = new URL('../../../docs/reference/type-mapping.md', import.meta.url).pathname;
const code = (text: string) => (text === '' ? '' : `\`${text}\``);

test('docs/reference/type-mapping.md has the values of every type, and how each is written (else: pnpm docs:types)', async () => {
  const values = Object.entries(valueWords).map(([type, words]) => [code(type), ...words]);
  const files = fileTypeRows.map(([name, inFile, refused, castTo]) => [
    code(name),
    code(inFile),
    refused,
    code(castTo),
  ]);
  const withValues = withGenerated(
    readFileSync(page, 'utf8'),
    'packages/storage/src/types/value-words.ts',
    markdownTable([['type', 'reads as', 'writes from'], ...values]),
  );
  const written = withGenerated(
    withValues,
    'packages/storage/src/types/file-types.ts',
    markdownTable([["DuckDB's type", 'type in the file', 'refused', 'cast it to'], ...files]),
  );
  await expect(written).toMatchFileSnapshot(page);
});

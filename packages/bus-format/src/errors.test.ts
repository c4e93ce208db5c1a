import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { daemonCodes } from './errors.js';

test('docs/reference/errors.md has each code of the daemon with its disposition and hint, and no other', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/reference/errors.md'), 'utf8');
  const sections = ['\n## The daemon and its commands\n', '\n## Scanning\n'].map(
    heading => page.split(heading)[1]?.split('\n## ')[0] ?? '',
  );
  const rows = [...sections.join('\n').matchAll(/^\| `([A-Z_]+)` \| (\w+) \| (.{20,}\.) \| (.+) \|$/gm)];
  const documented = rows.map(([, code, disposition, , hint]) => [code, { disposition, hint }]);
  expect(Object.fromEntries(documented)).toEqual(daemonCodes);
});

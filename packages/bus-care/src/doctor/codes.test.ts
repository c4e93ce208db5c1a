import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checksEverywhere, checksOfMadeBus } from './checks.js';
import { findingCodes } from './codes.js';

const guide = readFileSync(join(import.meta.dirname, '../../../../docs/guides/troubleshooting.md'), 'utf8');

test('docs/guides/troubleshooting.md has each finding with its level, meaning and cure, once, and no other', () => {
  const rows = [...guide.matchAll(/^\| `([A-Z_]+)` \| (\w+) \| (.{20,}\.) \| (.{8,}\.) \|$/gm)];
  expect(rows.map(([, code]) => code).sort()).toEqual(Object.keys(findingCodes).sort());
  for (const [, code, level] of rows)
    expect({ code, level }).toEqual({ code, level: findingCodes[code as keyof typeof findingCodes].level });
});

test('docs/guides/troubleshooting.md begins with the symptoms of the migration guide', () => {
  const headings = [...guide.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
  expect(headings.slice(0, 3)).toEqual(['Daemon not processing jobs', 'Exports not updating', 'Lock timeouts']);
});

test('each finding belongs to a check that runs, and the code reports it', () => {
  const checks = new Set([...Object.keys({ ...checksEverywhere, ...checksOfMadeBus }), 'doctor']);
  const source = ['.', 'checks']
    .map(folder => join(import.meta.dirname, folder))
    .flatMap(folder => readdirSync(folder).map(name => join(folder, name)))
    .filter(path => path.endsWith('.ts') && !/(codes|\.test)\.ts$/.test(path))
    .map(path => readFileSync(path, 'utf8'))
    .join('\n');
  for (const [code, { check }] of Object.entries(findingCodes))
    expect({ code, isChecked: checks.has(check), isReported: source.includes(`'${code}'`) }).toEqual({
      code,
      isChecked: true,
      isReported: true,
    });
});

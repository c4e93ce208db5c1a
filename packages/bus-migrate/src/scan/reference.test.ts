import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rules } from './index.js';

const rowsOf = (name: string, heading: string): string[][] => {
  const text = readFileSync(join(import.meta.dirname, '../../../../docs/reference', name), 'utf8');
  const begin = text.indexOf(`\n${heading}\n`);
  expect(begin, heading).not.toBe(-1);
  return (text.slice(begin + 1).split(/\n## /)[0] ?? '')
    .split('\n')
    .filter(line => line.startsWith('| `'))
    .map(line =>
      line
        .split('|')
        .slice(1, -1)
        .map(cell => cell.trim()),
    );
};

test('docs/reference/scan.md has each rule with its step and advice, and no other', () => {
  expect(rowsOf('scan.md', '## Rules')).toEqual(
    Object.entries(rules).map(([id, { what, step, advice }]) => [
      `\`${id}\``,
      what,
      step === 'reader' ? '5' : '2, 3, 4',
      advice,
    ]),
  );
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import '@quantbot/backtest';
import '@quantbot/bus-care/doctor';
import '@quantbot/bus-daemon';
import { registeredCodes } from '@quantbot/infra/bus';
import '@quantbot/lab';
import { expect, test } from 'vitest';
import { root } from './repository.js';

type Codes = Record<string, unknown>;

/** Returns the table rows that begin with a code: of a whole page, or of sections. */
function rowsOf(page: string, ...headings: string[]): string[][] {
  const text = readFileSync(join(root, page), 'utf8');
  const sections = headings.map(heading => {
    expect(text, page).toContain(`\n## ${heading}\n`);
    return text.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  });
  const lines = (headings.length > 0 ? sections.join('\n') : text).split('\n');
  const rows = lines.filter(line => /^\| `[A-Z_]+` +\|/.test(line));
  return rows.map(line => line.split(/(?<!\\)\|/).slice(1, -1)).map(cells => cells.map(cell => cell.trim()));
}

/** Returns the codes of rows that also say what happened. */
function withSentence(rows: string[][]): Codes {
  for (const [code, , sentence] of rows) expect(sentence, code).toMatch(/^.{20,}\.$/);
  return Object.fromEntries(rows.map(([code, disposition, , hint]) => [unquoted(code), { disposition, hint }]));
}

const unquoted = (cell = ''): string => cell.replaceAll('`', '');

/** The page of each room, as the codes that it documents. */
const pages: Record<string, () => Codes> = {
  infra: () => withSentence(rowsOf('docs/reference/errors.md', 'Rejections', 'Submission and configuration')),
  daemon: () => withSentence(rowsOf('docs/reference/errors.md', 'The daemon and its commands', 'Scanning')),
  storage: () =>
    Object.fromEntries(
      rowsOf('docs/reference/errors-storage.md').map(([code, disposition, hint]) => [
        unquoted(code),
        { disposition, hint },
      ]),
    ),
  lab: () => Object.fromEntries(rowsOf('packages/lab/README.md').map(([code, hint]) => [unquoted(code), { hint }])),
  backtest: () =>
    Object.fromEntries(rowsOf('packages/backtest/README.md').map(([code, hint]) => [unquoted(code), { hint }])),
  doctor: () =>
    Object.fromEntries(
      rowsOf('docs/guides/troubleshooting.md').map(([code, level]) => [
        unquoted(code),
        { ...registeredCodes().get('doctor')?.[unquoted(code)], level },
      ]),
    ),
  cluster: () =>
    Object.fromEntries(
      rowsOf('docs/guides/many-machines.md').map(([code, level]) => [
        unquoted(code),
        { ...registeredCodes().get('cluster')?.[unquoted(code)], level },
      ]),
    ),
};

test.each(Object.entries(pages))('each code of %s is documented, and no other', (room, documented) => {
  expect(documented()).toEqual(registeredCodes().get(room));
});

test('each room that registers codes has a page', () => {
  expect([...registeredCodes().keys()].sort()).toEqual(Object.keys(pages).sort());
});

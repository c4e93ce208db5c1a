import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Link, Table, TableRow } from 'mdast';
import { toString as textOf } from 'mdast-util-to-string';
import { visit } from 'unist-util-visit';
import { expect, test } from 'vitest';
import { markdownPages } from './pages.js';
import { root } from './repository.js';

/** The rows of the table of threats: who, what they might reach, what stops them, the tests. */
function threats(): TableRow[] {
  const page = markdownPages().find(({ name }) => name === 'SECURITY.md');
  const tables: Table[] = [];
  if (page !== undefined) visit(page.tree, 'table', table => void tables.push(table));
  const found = tables.find(({ children: [head] }) => head !== undefined && textOf(head).endsWith('test'));
  return found?.children.slice(1) ?? [];
}

function testsOf(row: TableRow): { url: string; title: string }[] {
  const links: Link[] = [];
  visit(row, 'link', link => void links.push(link));
  return links.map(({ url, title }) => ({ url, title: title ?? '' }));
}

test.each(threats().map(row => [textOf(row).slice(0, 80), row] as const))(
  'the tests of a threat exist, by file and title: %s',
  (_threat, row) => {
    const tests = testsOf(row);
    expect(tests).not.toEqual([]);
    for (const { url, title } of tests) {
      expect(title, url).not.toBe('');
      expect(readFileSync(join(root, url), 'utf8'), url).toContain(title);
    }
  },
);

test('the threats name everyone who may be hostile', () => {
  const who = threats().map(({ children: [cell] }) => (cell === undefined ? '' : textOf(cell)));
  for (const name of ['another user', 'a producer', 'a reader', 'someone on the network', 'a thief of the disk'])
    expect(
      who.some(text => text.includes(name)),
      name,
    ).toBe(true);
});

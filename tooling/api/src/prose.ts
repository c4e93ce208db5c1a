import { visit } from 'unist-util-visit';
import type { MarkdownPage } from './pages.js';

/** The longest line of a comment, or of prose in Markdown. */
const maxColumns = 100;

/** A line of prose: where it stands in its file, and its text. */
interface ProseLine {
  number: number;
  text: string;
}

/**
 * Returns the prose of a Markdown page line by line. Blocks of code, tables and HTML are left out.
 */
export function proseOfPage({ tree }: Pick<MarkdownPage, 'tree'>, text: string): ProseLine[] {
  const other = new Set<number>();
  visit(tree, ['code', 'table', 'html', 'yaml'], ({ position }) => {
    for (let line = position?.start.line ?? 0; line <= (position?.end.line ?? 0); line++) other.add(line);
  });
  return numbered(text).filter(({ number }) => !other.has(number));
}

/** Returns the lines of a TypeScript or JavaScript file that hold nothing but a comment. */
export const commentsOfScript = (text: string): ProseLine[] =>
  numbered(text).filter(line => /^\s*(\/\/|\/\*|\*( |\/|$))/.test(line.text));

/** Returns the comments and docstrings of a Python file line by line. */
export function commentsOfPython(text: string): ProseLine[] {
  let inside: 'docstring' | 'text' | undefined;
  return numbered(text).filter(line => {
    const opened = inside ?? (/^\s*"""/.test(line.text) ? 'docstring' : 'text');
    if (line.text.split('"""').length % 2 === 0) inside = inside === undefined ? opened : undefined;
    return opened === 'docstring' || /^\s*#/.test(line.text);
  });
}

/** Describes each line that is too long, and each word that stands twice in a row. */
export function problemsOfProse(lines: readonly ProseLine[]): string[] {
  return lines.flatMap(({ number, text }, index) => {
    const problems: string[] = [];
    if (text.length > maxColumns && canWrap(text)) problems.push(`line ${number}: ${text.length} columns`);
    const next = lines[index + 1];
    const start = next?.number === number + 1 ? wordsOf(next.text).split(' ', 1)[0] : '';
    const [twice] = /\b([a-z]{2,}) \1\b(?!-)/.exec(`${wordsOf(text)} ${start}`) ?? [];
    if (twice !== undefined) problems.push(`line ${number}: '${twice}'`);
    return problems;
  });
}

/**
 * Whether a line has a space before the limit, after its indentation and its mark of a list or
 * comment.
 */
const canWrap = (text: string) => text.replace(/^[\s*/#>-]+/, '').includes(' ');

/** The words of a line, without its mark and without code. */
const wordsOf = (text: string) =>
  text
    .replace(/^[\s*/#>-]+/, '')
    .replace(/`[^`]*`/g, '`')
    .replace(/\s+/g, ' ');

const numbered = (text: string): ProseLine[] =>
  text.split('\n').map((line, index) => ({ number: index + 1, text: line }));

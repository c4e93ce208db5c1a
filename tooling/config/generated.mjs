/**
 * Returns a page with a block made anew: the one that follows the comment that names its source, up
 * to the next empty line. For `toMatchFileSnapshot`, which `pnpm docs:types` lets write the page.
 */
export function withGenerated(page, source, block) {
  const before = `<!-- Generated from ${source} by \`pnpm docs:types\`. -->\n\n`;
  const begin = page.indexOf(before);
  if (begin < 0) throw new Error(`The page has no comment ${before.trim()}`);
  const from = begin + before.length;
  const end = page.indexOf('\n\n', from);
  return page.slice(0, from) + block + (end < 0 ? '\n' : page.slice(end));
}

/** A table in Markdown; the first row is the head. */
export const markdownTable = ([head, ...rows]) =>
  [head, head.map(() => '---'), ...rows]
    .map((cells, index) => (index === 1 ? `|${cells.join('|')}|` : `| ${cells.join(' | ')} |`))
    .join('\n');

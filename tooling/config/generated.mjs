/**
 * Returns a page with a regenerated block: the one after the comment that names its source, up to
 * the next empty line. Use it with `toMatchFileSnapshot`: `pnpm docs:types` updates the page.
 */
export function withGenerated(page, source, block) {
  const before = `<!-- Generated from ${source} by \`pnpm docs:types\`. -->\n\n`;
  const begin = page.indexOf(before);
  if (begin < 0) throw new Error(`The page has no comment ${before.trim()}`);
  const from = begin + before.length;
  const end = page.indexOf('\n\n', from);
  return page.slice(0, from) + block + (end < 0 ? '\n' : page.slice(end));
}

/** Returns a Markdown table; the first row is its header. */
export const markdownTable = ([head, ...rows]) =>
  [head, head.map(() => '---'), ...rows]
    .map((cells, index) => (index === 1 ? `|${cells.join('|')}|` : `| ${cells.join(' | ')} |`))
    .join('\n');

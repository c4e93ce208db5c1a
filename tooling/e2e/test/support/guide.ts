/**
 * A fenced block of a page: a file that its reader writes, commands that are typed, or what they
 * print.
 */
export type GuideBlock =
  | { kind: 'file'; line: number; path: string; content: string }
  | { kind: 'commands'; line: number; commands: string; exitCode: number }
  | { kind: 'output'; line: number; lines: string[] };

const fence = /^```(\S*) ?(.*)\n([\s\S]*?)^```$/gm;
const languagesOfFiles = new Set(['ts', 'python', 'json']);

/**
 * Returns the blocks of a page in order. A file has its path after the language (`ts
 * producers/trades.ts`). Commands may name the exit code of one of them (`sh exit=2`).
 *
 * @throws Error for any other block, so that everything on the page is tested.
 */
export function blocksOf(page: string): GuideBlock[] {
  return [...page.matchAll(fence)].map(match => {
    const [, language = '', rest = '', content = ''] = match;
    const line = page.slice(0, match.index).split('\n').length;
    if (language === 'sh' && /^(exit=\d+)?$/.test(rest))
      return { kind: 'commands', line, commands: content, exitCode: Number(rest.slice('exit='.length)) };
    if (language === 'text' && rest === '') return { kind: 'output', line, lines: content.trimEnd().split('\n') };
    if (languagesOfFiles.has(language) && rest !== '') return { kind: 'file', line, path: rest, content };
    throw new Error(`Line ${line}: nobody knows how to try a block of \`${language} ${rest}\`.`);
  });
}

/**
 * Returns the lines of the shown output that are missing in the real output, which must have them
 * in this order. `…` stands for any text, and a space for any number of spaces.
 */
export function missingIn(output: string, shown: readonly string[]): string[] {
  const real = output.split('\n');
  let from = 0;
  return shown.filter(line => {
    const at = real.findIndex((candidate, index) => index >= from && patternOf(line).test(candidate));
    if (at >= 0) from = at + 1;
    return at < 0;
  });
}

function patternOf(line: string): RegExp {
  const parts = line
    .trim()
    .split(/\s*…\s*/)
    .map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+'));
  return new RegExp(`^\\s*${parts.join('.*')}\\s*$`);
}

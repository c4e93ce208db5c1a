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
 * The blocks of a page in their order. A file has its path behind the language
 * (`ts producers/trades.ts`), commands may have the exit code that one of them ends with
 * (`sh exit=2`).
 *
 * @throws Error for a block that is neither of them: nothing on the page is left untried.
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
 * The lines of a shown output that are not in the real one, in this order. `…` stands for anything,
 * and spaces for any number of them.
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

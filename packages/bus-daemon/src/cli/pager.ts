import { spawnSync } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';

/**
 * Prints text. If it is longer than the terminal, a pager shows it: `$PAGER`, otherwise `less`. An
 * empty `$PAGER` is none. A terminal of unknown size, which says 0 rows, gets none either.
 */
export function showLines(text: string): void {
  const { isTTY, rows, columns } = process.stdout;
  const isLong = isTTY && process.stdin.isTTY && rows > 0 && rowsOf(text, columns || Number.POSITIVE_INFINITY) >= rows;
  if (!isLong || !pages(text)) console.log(text);
}

/** Returns the rows that a text takes on a terminal, which wraps what is wider. */
const rowsOf = (text: string, columns: number): number =>
  text
    .split('\n')
    .reduce((rows, line) => rows + Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns)), 0);

/** Cuts lines that are wider than the terminal, but for those that are to be whole. */
export function cutToTerminal(text: string, isWhole: (line: string) => boolean): string {
  const { isTTY, columns } = process.stdout;
  if (!isTTY || !columns) return text;
  const cut = (line: string) => (line.length <= columns || isWhole(line) ? line : `${line.slice(0, columns - 1)}…`);
  return text.split('\n').map(cut).join('\n');
}

/** Returns whether a pager has shown the text. */
function pages(text: string): boolean {
  const pager = process.env.PAGER ?? 'less';
  if (pager === '') return false;
  // As git does: quit if it fits on the screen, keep colours, do not clear the screen.
  const env = { LESS: 'FRX', ...process.env };
  const { error, status } = spawnSync(pager, {
    shell: true,
    input: `${text}\n`,
    env,
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  return error === undefined && status !== notFound;
}

/** What a shell answers for a program that is not installed. */
const notFound = 127;

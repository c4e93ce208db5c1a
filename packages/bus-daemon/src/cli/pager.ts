import { spawnSync } from 'node:child_process';

/**
 * Prints text. If it is longer than the terminal, a pager shows it: `$PAGER`, otherwise `less`. An
 * empty `$PAGER` is none. A terminal of unknown size, which says 0 rows, gets none either.
 */
export function showLines(text: string): void {
  const { isTTY, rows } = process.stdout;
  const isLong = isTTY && process.stdin.isTTY && rows > 0 && text.split('\n').length >= rows;
  if (!isLong || !pages(text)) console.log(text);
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

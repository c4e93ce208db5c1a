import { styleText } from 'node:util';
import { visible } from '@quantbot/infra/bus';
import stringWidth from 'string-width';

/**
 * Returns a table as text. Numbers are right-aligned, and the header is bold on a terminal. Takes
 * linear time, because a result may have millions of cells.
 *
 * @param fit the columns of the terminal: longer texts are cut, and the last columns that do not
 * fit are left out. `null` shows all.
 */
export function tableOf(
  head: readonly string[],
  rows: readonly (readonly unknown[])[],
  isNumber: (column: number) => boolean = column => rows.some(row => typeof row[column] === 'number'),
  fit: number | null = process.stdout.isTTY ? process.stdout.columns : null,
): string {
  const all = head.map(visible);
  const cells = rows.map(row => row.map(cellOf));
  const allWanted = all.map((name, column) =>
    cells.reduce((widest, line) => Math.max(widest, widthOf(line[column] as string)), widthOf(name)),
  );
  const isRight = head.map((_, column) => isNumber(column));
  // Half of a number or of a time says nothing.
  const isWhole = isRight.map((is, column) => is || rows.some(row => row[column] instanceof Date));
  const count = fit === null ? all.length : fitting(allWanted, isWhole, fit);
  const [names, wanted] = [all.slice(0, count), allWanted.slice(0, count)];
  const lines = cells.map(line => line.slice(0, count));
  const widths = fit === null ? wanted : fitted(wanted, isWhole, fit);
  const isCut = widths.some((width, column) => width < (wanted[column] as number));
  const padded = (whole: string, column: number) => {
    const width = widths[column] as number;
    const text = isCut ? cut(whole, width) : whole;
    const space = ' '.repeat(width - widthOf(text));
    return isRight[column] ? space + text : text + space;
  };
  const bold = (text: string) => styleText('bold', text, { stream: process.stdout });
  const line = (cells: readonly string[], style = (text: string) => text) =>
    `│ ${cells.map((text, column) => style(padded(text, column))).join(' │ ')} │`;
  const border = (left: string, middle: string, right: string) =>
    `${left}${widths.map(width => '─'.repeat(width + 2)).join(middle)}${right}`;
  const body = lines.length === 0 ? [] : [border('├', '┼', '┤'), ...lines.map(cells => line(cells))];
  const rest = [
    ...(isCut ? ['Cells with … are cut to fit the terminal.'] : []),
    ...(count < all.length ? [`There is no room for the columns ${listed(all.slice(count))}.`] : []),
  ];
  if (rest.length > 0) rest.push('A pipe (`| cat`) or --json gets all of it.');
  return [
    border('┌', '┬', '┐'),
    line(names, bold),
    ...body,
    border('└', '┴', '┘'),
    ...(rest.length > 0 ? [rest.join(' ')] : []),
  ].join('\n');
}

/** A note names at most this many columns. */
const maxNamed = 8;

const listed = (names: readonly string[]): string =>
  names.length <= maxNamed
    ? names.join(', ')
    : `${names.slice(0, maxNamed).join(', ')} and ${(names.length - maxNamed).toLocaleString('en')} more`;

/** Columns of text are never narrower than this. */
const narrowest = 12;

/** Returns how many columns fit at their narrowest; at least one. */
function fitting(wanted: readonly number[], isWhole: readonly boolean[], fit: number): number {
  let left = fit - 1;
  const tooMany = wanted.findIndex((width, column) => {
    left -= 3 + (isWhole[column] ? width : Math.min(width, narrowest));
    return left < 0;
  });
  return tooMany < 0 ? wanted.length : Math.max(1, tooMany);
}

/** Narrows the widest columns of text until the table fits, as far as that goes. */
function fitted(wanted: readonly number[], isWhole: readonly boolean[], fit: number): number[] {
  const available = fit - wanted.reduce((sum, width, column) => sum + 3 + (isWhole[column] ? width : 0), 1);
  const texts = wanted.filter((_, column) => !isWhole[column]).sort((a, b) => a - b);
  // Those that need less than an equal share leave the rest to the wider ones.
  let left = available;
  let most = Number.POSITIVE_INFINITY;
  for (const [index, width] of texts.entries()) {
    const share = Math.floor(left / (texts.length - index));
    if (width > share) {
      most = Math.max(narrowest, share);
      break;
    }
    left -= width;
  }
  return wanted.map((width, column) => (isWhole[column] ? width : Math.min(width, most)));
}

/** Cuts a text to a width, with `…` as the last character. */
function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = '';
  let used = 1;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    used += widthOf(segment);
    if (used > width) break;
    kept += segment;
  }
  return `${kept}…`;
}

function cellOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString().replace(/\.\d+Z$/, 'Z'); // --json has the milliseconds
  return visible(Array.isArray(value) ? value.join(', ') : String(value));
}

/** Returns the columns that a text takes on a terminal. */
const widthOf = (text: string): number => (/^[\x20-\x7e]*$/.test(text) ? text.length : stringWidth(text));

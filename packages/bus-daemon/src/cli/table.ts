import { styleText } from 'node:util';
import { visible } from '@quantbot/infra/bus';
import stringWidth from 'string-width';

/**
 * Returns a table as text. Numbers are right-aligned, and the header is bold on a terminal. Takes
 * linear time, because a result may have millions of cells.
 *
 * @param fit the columns of the terminal: longer cells are cut. `null` cuts none.
 */
export function tableOf(
  head: readonly string[],
  rows: readonly (readonly unknown[])[],
  isNumber: (column: number) => boolean = column => rows.some(row => typeof row[column] === 'number'),
  fit: number | null = process.stdout.isTTY ? process.stdout.columns : null,
): string {
  const names = head.map(visible);
  const lines = rows.map(row => row.map(cellOf));
  const wanted = names.map((name, column) =>
    lines.reduce((widest, line) => Math.max(widest, widthOf(line[column] as string)), widthOf(name)),
  );
  const isRight = head.map((_, column) => isNumber(column));
  const widths = fit === null ? wanted : fitted(wanted, isRight, fit);
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
  const rest = isCut ? ['Cells with … are cut to fit the terminal. A pipe (`| cat`) or --json gets all of them.'] : [];
  return [border('┌', '┬', '┐'), line(names, bold), ...body, border('└', '┴', '┘'), ...rest].join('\n');
}

/** Columns of text are never narrower than this. */
const narrowest = 12;

/** Narrows the widest columns of text until the table fits, as far as that goes. */
function fitted(wanted: readonly number[], isRight: readonly boolean[], fit: number): number[] {
  const available = fit - wanted.reduce((sum, width, column) => sum + 3 + (isRight[column] ? width : 0), 1);
  const texts = wanted.filter((_, column) => !isRight[column]).sort((a, b) => a - b);
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
  return wanted.map((width, column) => (isRight[column] ? width : Math.min(width, most)));
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
  if (value instanceof Date) return value.toISOString();
  return visible(Array.isArray(value) ? value.join(', ') : String(value));
}

/** Returns the columns that a text takes on a terminal. */
const widthOf = (text: string): number => (/^[\x20-\x7e]*$/.test(text) ? text.length : stringWidth(text));

import { styleText } from 'node:util';
import { visible } from '@quantbot/infra';
import stringWidth from 'string-width';

/**
 * Returns a table as text, as wide as its content. Numbers are right-aligned, and the header is
 * bold on a terminal. Takes linear time, because a result may have millions of cells.
 */
export function tableOf(
  head: readonly string[],
  rows: readonly (readonly unknown[])[],
  isNumber: (column: number) => boolean = column => rows.some(row => typeof row[column] === 'number'),
): string {
  const names = head.map(visible);
  const lines = rows.map(row => row.map(cellOf));
  const widths = names.map((name, column) =>
    lines.reduce((widest, line) => Math.max(widest, widthOf(line[column] as string)), widthOf(name)),
  );
  const isRight = head.map((_, column) => isNumber(column));
  const padded = (text: string, column: number) => {
    const space = ' '.repeat((widths[column] as number) - widthOf(text));
    return isRight[column] ? space + text : text + space;
  };
  const bold = (text: string) => styleText('bold', text, { stream: process.stdout });
  const line = (cells: readonly string[], style = (text: string) => text) =>
    `│ ${cells.map((text, column) => style(padded(text, column))).join(' │ ')} │`;
  const border = (left: string, middle: string, right: string) =>
    `${left}${widths.map(width => '─'.repeat(width + 2)).join(middle)}${right}`;
  const body = lines.length === 0 ? [] : [border('├', '┼', '┤'), ...lines.map(cells => line(cells))];
  return [border('┌', '┬', '┐'), line(names, bold), ...body, border('└', '┴', '┘')].join('\n');
}

function cellOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  return visible(Array.isArray(value) ? value.join(', ') : String(value));
}

/** Returns the columns that a text takes on a terminal. */
const widthOf = (text: string): number => (/^[\x20-\x7e]*$/.test(text) ? text.length : stringWidth(text));

import { styleText } from 'node:util';
import { visible } from '@quantbot/infra';
import Table from 'cli-table3';

/**
 * A table for people, as wide as what is in it: numbers to the right, the head bold on a terminal.
 */
export function tableOf(
  head: readonly string[],
  rows: readonly (readonly unknown[])[],
  isNumber: (column: number) => boolean = column => rows.some(row => typeof row[column] === 'number'),
): string {
  const table = new Table({
    head: head.map(name => styleText('bold', visible(name), { stream: process.stdout })),
    colAligns: head.map((_, column) => (isNumber(column) ? 'right' : 'left')),
    style: { head: [], border: [], compact: true },
  });
  table.push(...rows.map(row => row.map(cellOf)));
  return table.toString();
}

function cellOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  return visible(Array.isArray(value) ? value.join(', ') : String(value));
}

import { styleText } from 'node:util';
import Table from 'cli-table3';

/** A table for people, as wide as what is in it; the head is bold on a terminal. */
export function tableOf(head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const bold = head.map(name => styleText('bold', name, { stream: process.stdout }));
  const table = new Table({ head: bold, style: { head: [], border: [], compact: true } });
  table.push(...rows.map(row => row.map(cellOf)));
  return table.toString();
}

function cellOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  return Array.isArray(value) ? value.join(', ') : String(value);
}

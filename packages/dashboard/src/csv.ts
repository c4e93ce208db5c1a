import { exactJson } from '@quantbot/infra/visible';
import type { Answer } from './client.js';
import { withoutZone } from './words.js';

/** The rows of an answer as CSV (RFC 4180). NULL is empty, and an empty text is `""`. */
export function csvOf({ columns, rows }: Pick<Answer, 'columns' | 'rows'>): string {
  const quoted = (text: string) => (/^$|[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const cell = (value: unknown, index: number) => {
    if (value === null || value === undefined) return '';
    return quoted(typeof value === 'string' ? withoutZone(columns[index]?.type ?? '', value) : exactJson(value));
  };
  const lines = [columns.map(({ name }) => quoted(name)), ...rows.map(row => row.map(cell))];
  return lines.map(line => `${line.join(',')}\r\n`).join('');
}

/** Gives the browser a file to keep. */
export function save(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

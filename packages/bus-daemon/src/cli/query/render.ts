import { exactJson } from '@quantbot/infra';
import { visibleJson } from '@quantbot/infra/bus';
import { distinctNames, type SelectBatch } from '@quantbot/storage/sandbox';
import { stringify } from 'csv-stringify/sync';

/** Batches of a result as they arrive; at least one, even without rows. */
export type Batches = AsyncIterable<SelectBatch>;

/**
 * Formats a result as CSV (RFC 4180, with a header). NULL is an empty field, an empty text is `""`.
 */
export async function* csvOf(batches: Batches): AsyncGenerator<string> {
  let isFirst = true;
  for await (const { columns, rows } of batches) {
    if (isFirst) yield stringify([columns.map(column => column.name)]);
    isFirst = false;
    if (rows.length > 0) yield stringify(rows, { cast: { string: quoteEmpty } });
  }
}

/** Distinguishes an empty text from NULL. */
const quoteEmpty = (text: string) => (text === '' ? { value: text, quoted: true, quoted_empty: true } : text);

/** Formats a result as a JSON array with one object per line. */
export async function* jsonOf(batches: Batches): AsyncGenerator<string> {
  let names: string[] | undefined;
  let separator = '[\n';
  for await (const { columns, rows } of batches) {
    names ??= distinctNames(columns.map(column => column.name));
    const lines = rows.map(row =>
      visibleJson(exactJson(Object.fromEntries((names ?? []).map((name, i) => [name, row[i]])))),
    );
    if (lines.length === 0) continue;
    yield separator + lines.join(',\n');
    separator = ',\n';
  }
  yield separator === '[\n' ? '[]\n' : '\n]\n';
}

/** Yields the first rows of a result, then ends the query. Calls `onCut` if there are more. */
export async function* firstRows(batches: Batches, limit: number, onCut: () => void): AsyncGenerator<SelectBatch> {
  let left = limit;
  for await (const { columns, rows } of batches) {
    yield { columns, rows: rows.slice(0, left) };
    if (rows.length > left) return onCut();
    left -= rows.length;
  }
}

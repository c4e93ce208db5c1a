import { exactJson, visibleJson } from '@quantbot/infra';
import { distinctNames, type SelectBatch } from '@quantbot/storage/sandbox';
import { stringify } from 'csv-stringify/sync';

/** Batches of an answer as they come; at least one, also when there are no rows. */
export type Batches = AsyncIterable<SelectBatch>;

/** An answer as CSV (RFC 4180, with a head): NULL is an empty field, an empty text a quoted one. */
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

/** An answer as a JSON array with an object on each line. */
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

/** The first rows of an answer; `onCut` is called when there are more. The query ends there. */
export async function* firstRows(batches: Batches, limit: number, onCut: () => void): AsyncGenerator<SelectBatch> {
  let left = limit;
  for await (const { columns, rows } of batches) {
    yield { columns, rows: rows.slice(0, left) };
    if (rows.length > left) return onCut();
    left -= rows.length;
  }
}

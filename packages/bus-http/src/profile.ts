import { identifier } from '@quantbot/bus-format';
import type { SelectAnswer } from '@quantbot/duckdb-process';
import type { Reader } from './context.js';

/** The most columns of a profile, and of those the most with a histogram. */
const maxProfiled = 2_000;
const maxHistograms = 50;
const bins = 10;

const numbers = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\))$/;
const moments = /^(DATE|TIMESTAMP.*)$/;

/**
 * Returns NULLs, distinct values, least, greatest and average value of each column, and how many
 * values are in each tenth between the least and the greatest one. Each of two queries takes at
 * most 10 s.
 *
 * @param from what to read, as SQL.
 * @param file the file that it is: see `Reader.select`.
 */
export async function profileOf(
  reader: Pick<Reader, 'select'>,
  from: string,
  left: AbortSignal,
  file?: string,
): Promise<SelectAnswer> {
  const facts = 'column_name, column_type, null_percentage, approx_unique, min, max, avg';
  const summary = await reader.select(`SELECT ${facts} FROM (SUMMARIZE FROM ${from})`, maxProfiled, left, { file });
  const counted = summary.rows.map(([name, type]) => asNumber(String(name), String(type)));
  const values = counted.flatMap(value => value ?? []).slice(0, maxHistograms);
  const answer = values.length === 0 ? undefined : await reader.select(histogramsOf(from, values), 1, left);
  const histograms = new Map(values.map((value, index) => [value, answer?.rows[0]?.[index] ?? null]));
  return {
    columns: [...summary.columns, { name: 'histogram', type: 'BIGINT[]' }],
    rows: summary.rows.map((row, index) => [...row, histograms.get(counted[index] ?? '') ?? null]),
    isCut: summary.isCut,
  };
}

/** Returns a column as a finite DOUBLE, or undefined if it has no order with distances. */
function asNumber(name: string, type: string): string | undefined {
  const column = identifier(name);
  if (numbers.test(type)) return finite(`CAST(${column} AS DOUBLE)`);
  if (!moments.test(type) || type.endsWith(']')) return undefined;
  const moment = type.endsWith('ZONE') ? column : `CAST(${column} AS TIMESTAMP)`;
  return `CASE WHEN isfinite(${moment}) THEN CAST(epoch_ms(${moment}) AS DOUBLE) END`;
}

const finite = (value: string): string => `CASE WHEN isfinite(${value}) THEN ${value} END`;

/** One row: the counts of each value. TRY_CAST keeps out what lies too far apart for a DOUBLE. */
function histogramsOf(from: string, values: readonly string[]): string {
  const each = (sql: (i: number) => string) => values.map((_, i) => sql(i)).join(', ');
  const tenth = (i: number) =>
    `CASE WHEN hi${i} > lo${i} AND v${i} IS NOT NULL THEN TRY_CAST(least(${bins - 1}, floor((v${i} - lo${i}) / (hi${i} - lo${i}) * ${bins})) AS TINYINT)
     WHEN v${i} IS NOT NULL THEN 0 END AS bin${i}`;
  const counts = (i: number) => Array.from({ length: bins }, (_, bin) => `count_if(bin${i} = ${bin})`).join(', ');
  return `WITH given AS (SELECT ${values.map((value, i) => `${value} AS v${i}`).join(', ')} FROM ${from}),
  ends AS (SELECT ${each(i => `min(v${i}) AS lo${i}, max(v${i}) AS hi${i}`)} FROM given)
SELECT ${each(i => `[${counts(i)}] AS h${i}`)} FROM (SELECT ${each(tenth)} FROM given, ends)`;
}

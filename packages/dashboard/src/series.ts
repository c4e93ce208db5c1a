import type { Answer } from './client.js';
import type { Line } from './parts/chart.js';
import { isNumeric } from './words.js';

/** The data of a chart: lines over common x values. */
export interface Series {
  x: number[];
  isTime: boolean;
  lines: Line[];
}

/**
 * The rows of a query as lines: the first column is x (a number or a time), the second y, a third
 * names the line.
 */
export function linesOf({ columns, rows }: Answer): Series {
  const isTime = isTimeOf(columns[0]?.type ?? '');
  const place = (value: unknown) => (isTime ? Date.parse(String(value)) / 1000 : Number(value));
  const byName = new Map<string, Map<number, number | null>>();
  for (const [at, value, name = columns[1]?.name] of rows) {
    const x = place(at);
    if (Number.isNaN(x) || at === null) continue;
    const line = byName.get(String(name)) ?? new Map<number, number | null>();
    byName.set(String(name), line.set(x, value === null || value === undefined ? null : Number(value)));
  }
  const x = [...new Set([...byName.values()].flatMap(line => [...line.keys()]))].sort((a, b) => a - b);
  return { x, isTime, lines: [...byName].map(([name, line]) => ({ name, values: x.map(at => line.get(at) ?? null) })) };
}

const isTimeOf = (type: string) => /^(TIMESTAMP|DATE)/.test(type);
/** More lines cannot be told apart. */
const maxLines = 8;

/**
 * The lines of any answer, or undefined if it has none: the first column, a number or a time, is x.
 * A text in the third column names the lines ({@link linesOf}); otherwise each other column of
 * numbers is a line.
 */
export function chartOf(answer: Answer): Series | undefined {
  const [x, y, third] = answer.columns;
  if (x === undefined || !(isTimeOf(x.type) || isNumeric(x.type))) return undefined;
  const isNamed = answer.columns.length === 3 && y !== undefined && isNumeric(y.type) && third?.type === 'VARCHAR';
  const series = linesOf(isNamed ? answer : { ...answer, ...onePerColumn(answer, x) });
  const isFew = series.lines.length > 0 && series.lines.length <= maxLines;
  return isFew && series.x.length > 1 ? series : undefined;
}

/** One row per number: x, the number, and the name of its column. */
function onePerColumn({ columns, rows }: Answer, x: Answer['columns'][number]): Pick<Answer, 'columns' | 'rows'> {
  const places = columns.flatMap(({ name, type }, index) => (index > 0 && isNumeric(type) ? [{ name, index }] : []));
  return {
    columns: [x, { name: 'value', type: 'DOUBLE' }, { name: 'name', type: 'VARCHAR' }],
    rows: rows.flatMap(row => places.map(({ name, index }) => [row[0], row[index], name])),
  };
}

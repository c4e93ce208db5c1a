import type { Answer } from './client.js';
import type { Line } from './parts/chart.js';

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
  const isTime = /^(TIMESTAMP|DATE)/.test(columns[0]?.type ?? '');
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

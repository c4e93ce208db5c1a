import type { SimulationSummary } from '@quantbot/lab';
import type { Row } from '@quantbot/storage';
import progress from 'cli-progress';
import Table from 'cli-table3';

const started = performance.now();
const colours = process.stdout.isTTY && !process.env.NO_COLOR;

/** Prints one line of progress, with the seconds since the start. */
export function step(text: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(5);
  console.log(colours ? `\x1b[2m${seconds} s\x1b[0m  ${text}` : `${seconds} s  ${text}`);
}

/** Waits for all promises. On a terminal it shows a progress bar with count, rate and time left. */
export async function allOf<T>(what: string, work: readonly Promise<T>[]): Promise<T[]> {
  const began = performance.now();
  const format = `         {bar} {value} of {total} ${what}  {rate}/s  {eta_formatted} left`;
  const bar = new progress.SingleBar({
    format,
    clearOnComplete: true,
    gracefulExit: false,
    hideCursor: false,
    linewrap: true,
  });
  let done = 0;
  const rate = () => ({ rate: ((done / (performance.now() - began)) * 1000).toFixed(1) });
  if (process.stderr.isTTY) bar.start(work.length, 0, rate());
  try {
    return await Promise.all(
      work.map(async each => {
        const result = await each;
        bar.update(++done, rate());
        return result;
      }),
    );
  } finally {
    bar.stop();
  }
}

const style = { head: colours ? ['cyan'] : [], border: [], compact: true };

/** Returns a table of the ingested artifacts, by dataset. */
export function ingestedTable(datasets: readonly Row[]): string {
  const table = new Table({
    head: ['producer', 'kind', 'artifacts', 'rows', 'bytes', 'schema hint'],
    style,
    colAligns: ['left', 'left', 'right', 'right', 'right'],
  });
  for (const row of datasets)
    table.push(
      [row.producer, row.kind, row.artifacts, row.rows, row.bytes, row.schema_hint].map(value => String(value ?? '')),
    );
  return table.toString();
}

const percent = (fraction: number) => `${(fraction * 100).toFixed(1)} %`;

/** Returns a table of the presets' results. */
export function presetTable(summaries: readonly SimulationSummary[]): string {
  const table = new Table({
    head: ['preset', 'end', 'return', 'drawdown', 'trades', 'won', 'fees'],
    style,
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right'],
  });
  for (const s of [...summaries].sort((a, b) => b.finalEquity - a.finalEquity))
    table.push([
      s.preset,
      s.finalEquity.toFixed(0),
      percent(s.totalReturn),
      percent(s.maxDrawdown),
      s.trades,
      percent(s.winRate),
      s.fees.toFixed(0),
    ]);
  return table.toString();
}

/** Returns a table of the features of each year. */
export function featureTable(years: readonly Row[]): string {
  const table = new Table({
    head: ['year', 'days', 'volatility', 'highest', 'drawdown', 'above its 200 days'],
    style,
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right'],
  });
  const known = (fraction: number | null) => (fraction === null ? '' : percent(fraction));
  for (const row of years)
    table.push([row.year, row.days, ...[row.volatility, row.highest, row.drawdown, row.above].map(known)]);
  return table.toString();
}

/** Returns a table of the profit of the backtest's trades. */
export function tradeTable(reasons: readonly Row[]): string {
  const table = new Table({
    head: ['ended by', 'trades', 'won', 'mean return', 'fees', 'profit'],
    style,
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right'],
  });
  for (const row of reasons)
    table.push([
      row.reason,
      row.trades,
      percent(row.won),
      percent(row.mean_return),
      row.fees.toFixed(0),
      row.pnl.toFixed(0),
    ]);
  return table.toString();
}

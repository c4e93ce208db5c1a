import type { SimulationSummary } from '@quantbot/lab';
import type { Row } from '@quantbot/storage';
import Table from 'cli-table3';

const started = performance.now();
const colours = process.stdout.isTTY;

/** One line of progress, with the seconds since the beginning. */
export function step(text: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(5);
  console.log(colours ? `\x1b[2m${seconds} s\x1b[0m  ${text}` : `${seconds} s  ${text}`);
}

const style = { head: colours ? ['cyan'] : [], border: [], compact: true };

/** What was ingested, by dataset. */
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

/** What each preset made of its capital. */
export function presetTable(summaries: readonly SimulationSummary[]): string {
  const percent = (fraction: number) => `${(fraction * 100).toFixed(1)} %`;
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

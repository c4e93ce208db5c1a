import Table from 'cli-table3';
import type { Command } from 'commander';
import { type Comparison, compareTable, type TextRow } from '../../compare/compare-table.js';
import { busCommand, type CommonOptions, configOf, print } from '../shared.js';

interface CompareFlags extends CommonOptions {
  oldTable?: string;
  key?: string;
  limit: string;
}

/** `quantbot-bus compare TABLE OLD.duckdb`: whether a canonical table is what a table of another database is. Exit code 2 when not. */
export const compareCommand = (): Command =>
  busCommand('compare', 'Compare a canonical table with a table of another database, row by row.')
    .argument('<table>', 'a canonical table: alerts_std, or canon.alerts_std')
    .argument('<old>', 'another DuckDB file')
    .option('--old-table <name>', 'its table there, as schema.table (else canon.TABLE, else main.TABLE)')
    .option('--key <columns>', 'columns that identify a row, separated by commas: shows what has changed in which row')
    .option('--limit <rows>', 'show at most so many rows of each kind', '20')
    .addHelpText(
      'after',
      '\nExit codes: 0 equal, 2 different, 1 could not be compared.\n\nExamples:\n  $ quantbot-bus compare alerts_std data/old-alerts.duckdb\n  $ quantbot-bus compare trades old.duckdb --old-table main.sim_trades --key run_id,trade_id',
    )
    .action(async (table: string, oldDatabase: string, options: CompareFlags) => {
      const config = configOf(options);
      const comparison = await compareTable({
        database: config.duckdbPath,
        table: table.replace(/^canon\./i, '').toLowerCase(),
        oldDatabase,
        ...(options.oldTable !== undefined && { oldTable: options.oldTable }),
        ...(options.key !== undefined && { key: options.key.split(',').map(name => name.trim()) }),
        limit: Math.max(0, Number.parseInt(options.limit, 10) || 0),
        memoryMb: config.export.memoryLimitMb,
      });
      print(options, comparison, () => describeComparison(comparison));
      if (!comparison.equal) process.exitCode = 2;
    });

function describeComparison(comparison: Comparison): string {
  const { equal, oldTable, rows, oldRows, samples } = comparison;
  const count = (n: number) => n.toLocaleString('en');
  const lines = [
    ...comparison.otherTypes.map(
      ({ column, type, oldType }) => `${column} is ${type} now and was ${oldType}: compared as ${type}`,
    ),
    ...comparison.onlyColumns.map(name => `${name} is a column of the bus only`),
    ...comparison.onlyOldColumns.map(name => `${name} is a column of ${oldTable} only`),
  ];
  if (equal) return [...lines, `equal: ${count(rows)} rows`].join('\n');
  const section = (title: string, total: number, table: string) =>
    total === 0 ? [] : ['', `${count(total)} ${title}`, table];
  return [
    ...lines,
    `different: ${count(rows)} rows in the bus, ${count(oldRows)} in ${oldTable}`,
    ...section('only in the bus:', comparison.onlyRows, tableOf(samples.only)),
    ...section(`only in ${oldTable}:`, comparison.onlyOldRows, tableOf(samples.onlyOld)),
    ...section('changed:', comparison.changedRows, changesOf(samples.changed)),
  ].join('\n');
}

const style = { head: [], border: [], compact: true };

function tableOf(rows: readonly TextRow[]): string {
  const names = Object.keys(rows[0] ?? {});
  const table = new Table({ head: names, style });
  for (const row of rows) table.push(names.map(name => row[name] ?? 'NULL'));
  return table.toString();
}

function changesOf(changed: Comparison['samples']['changed']): string {
  const table = new Table({ head: ['row', 'column', 'was', 'is now'], style });
  for (const { key, columns } of changed)
    for (const [column, [before, after]] of Object.entries(columns))
      table.push([Object.values(key).join(', '), column, before ?? 'NULL', after ?? 'NULL']);
  return table.toString();
}

import type { Command } from 'commander';
import { compareTable } from '../../compare/compare-table.js';
import { describeComparison } from '../../compare/describe.js';
import type { BusCommand } from '../bus-command.js';
import { busCommand, type CommonOptions, configOf, print } from '../shared.js';

interface Options extends CommonOptions {
  oldTable?: string;
  key?: string;
  limit: string;
  temp?: string;
}

/**
 * `quantbot-bus compare TABLE OLD.duckdb`: whether a canonical table has the rows of an old one.
 * Exit code 2 when not.
 */
export const compareCommand = (): BusCommand =>
  busCommand('compare', 'Compare a canonical table with a table of another database: equal, or the differing rows.')
    .argument('<table>', 'a canonical table, such as trades')
    .argument('<database>', 'the other DuckDB database')
    .option('--old-table <schema.table>', 'the table there; else the one of the same name')
    .option('--key <columns>', 'columns that tell which row is which, with commas: changed rows are then told as such')
    .option('--limit <n>', 'how many rows of each kind are shown', '20')
    .option('--temp <folder>', 'where to put what does not fit into memory (else the folder for temporary files)')
    .explain({
      notes: "The bus's own columns (_seq, _artifact_key) do not count, nor does a type that the bus widens by itself.",
      exitCodes: { 0: 'equal', 2: 'different' },
      examples: [
        'quantbot-bus compare trades old.duckdb',
        'quantbot-bus compare trades old.duckdb --old-table main.trades --key symbol,ts --limit 5',
      ],
    })
    .action(async (table: string, database: string, options: Options, command: Command) => {
      if (!/^\d{1,6}$/.test(options.limit)) command.error(`error: ${options.limit} is no number of rows`);
      const comparison = await compareTable(configOf(options), table, database, {
        oldTable: options.oldTable,
        key: options.key?.split(',').map(name => name.trim()) ?? [],
        limit: Number(options.limit),
        tempFolder: options.temp,
      });
      print(options, comparison, () => describeComparison(comparison));
      if (!comparison.equal) process.exitCode = 2;
    });

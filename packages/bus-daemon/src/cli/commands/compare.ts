import { compareTable, describeComparison } from '@quantbot/bus-migrate/compare';
import type { Command } from 'commander';
import { type CommonOptions, configOf, print } from '../shared.js';

interface Options extends CommonOptions {
  oldTable?: string;
  key?: string;
  limit: string;
  temp?: string;
}

/**
 * `quantbot-bus compare TABLE OLD.duckdb`: compares a canonical table with a table of an old
 * database. Exit code 2 if the rows differ.
 */
export async function compareCommand(
  table: string,
  database: string,
  options: Options,
  command: Command,
): Promise<void> {
  if (!/^\d{1,6}$/.test(options.limit)) command.error(`error: ${options.limit} is not a number of rows`);
  const comparison = await compareTable(configOf(options), table, database, {
    oldTable: options.oldTable,
    key: options.key?.split(',').map(name => name.trim()) ?? [],
    limit: Number(options.limit),
    tempFolder: options.temp,
  });
  print(options, comparison, () => describeComparison(comparison));
  if (!comparison.equal) process.exitCode = 2;
}

import { openDuckDb, type Row } from '@quantbot/storage';
import Table from 'cli-table3';
import type { Command } from 'commander';
import { busCommand, type CommonOptions, configOf, print } from '../shared.js';

/** `quantbot-bus query SQL`: asks the published database, read-only. */
export const queryCommand = (): Command =>
  busCommand('query', 'Ask the published database (read-only).')
    .argument('<sql>', 'one SQL query')
    .addHelpText(
      'after',
      `\nExample:\n  $ quantbot-bus query "SELECT producer, kind, rows FROM catalog.latest_artifacts_v"`,
    )
    .action(async (sql: string, options: CommonOptions) => {
      const database = await openDuckDb(configOf(options).duckdbPath, { readOnly: true });
      try {
        const rows = await database.query(sql);
        print(options, rows, () => describeRows(rows));
      } finally {
        await database.close();
      }
    });

function describeRows(rows: readonly Row[]): string {
  const [first] = rows;
  if (first === undefined) return 'no rows';
  const names = Object.keys(first);
  const table = new Table({ head: names, style: { head: [], border: [], compact: true } });
  for (const row of rows) table.push(names.map(name => textOf(row[name])));
  return `${table.toString()}\n${rows.length} row${rows.length === 1 ? '' : 's'}`;
}

function textOf(value: Row[string] | undefined): string {
  if (value === null || value === undefined) return 'NULL';
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

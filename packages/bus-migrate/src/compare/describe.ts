import { rowLines } from '@quantbot/duckdb-process/diff';
import type { Comparison } from './compare-table.js';

/** Formats a comparison as lines for people. */
export function describeComparison(comparison: Comparison): string {
  const { table, oldTable, equal, busRows, oldRows, schema, onlyInBus, onlyInOld, changed } = comparison;
  if (equal) return `canon.${table} and ${oldTable} are equal: ${busRows} rows`;
  return [
    `canon.${table} (${busRows} rows) and ${oldTable} (${oldRows} rows) differ.`,
    ...schema.onlyInBus.map(({ name, type }) => `column only in the bus: ${name} ${type}`),
    ...schema.onlyInOld.map(({ name, type }) => `column only in the old table: ${name} ${type}`),
    ...schema.types.map(({ name, bus, old }) => `column ${name}: ${bus} in the bus, ${old} in the old table`),
    ...rowLines('only in the bus', onlyInBus),
    ...rowLines('only in the old table', onlyInOld),
    ...(changed === null ? [] : rowLines('changed', changed)),
  ].join('\n');
}

import type { Comparison, DifferingRows } from './compare-table.js';

/** Formats a comparison as lines for people. */
export function describeComparison(comparison: Comparison): string {
  const { table, oldTable, equal, busRows, oldRows, schema, onlyInBus, onlyInOld, changed } = comparison;
  if (equal) return `canon.${table} and ${oldTable} are equal: ${busRows} rows`;
  return [
    `canon.${table} (${busRows} rows) and ${oldTable} (${oldRows} rows) differ.`,
    ...schema.onlyInBus.map(({ name, type }) => `column only in the bus: ${name} ${type}`),
    ...schema.onlyInOld.map(({ name, type }) => `column only in the old table: ${name} ${type}`),
    ...schema.types.map(({ name, bus, old }) => `column ${name}: ${bus} in the bus, ${old} in the old table`),
    ...section('only in the bus', onlyInBus),
    ...section('only in the old table', onlyInOld),
    ...(changed === null ? [] : section('changed', changed)),
  ].join('\n');
}

function section<Row>(what: string, { rows, shown }: DifferingRows<Row>): string[] {
  if (rows === 0) return [];
  const more = rows - shown.length;
  return [
    `${rows} row${rows === 1 ? '' : 's'} ${what}:`,
    ...shown.map(row => `  ${JSON.stringify(row)}`),
    ...(more > 0 ? [`  … and ${more} more (--limit)`] : []),
  ];
}

import type { DuckDBConnection } from '@duckdb/node-api';
import { identifier } from '@quantbot/bus-format';
import type { ComparedColumn } from '@quantbot/duckdb-process/diff';
import { foldName } from '@quantbot/infra/bus';
import { inspectTable } from '../adopt/old-table.js';

/** How the columns of two tables differ. */
export interface SchemaDifference {
  onlyInBus: { name: string; type: string }[];
  onlyInOld: { name: string; type: string }[];
  types: { name: string; bus: string; old: string }[];
}

/** Columns that the bus adds to each canonical table. */
const ownColumns = new Set(['_seq', '_artifact_key']);

/**
 * Pairs the columns of `canon.<table>` with those of an old table by name. A type that the bus
 * widens itself (INTEGER to BIGINT) is no difference. Columns of other types differ and are
 * compared as text.
 */
export async function pairColumns(
  connection: DuckDBConnection,
  busTable: string,
  oldTable: { catalog: string; schema: string; table: string },
): Promise<{ compared: ComparedColumn[]; schema: SchemaDifference }> {
  const empty = await connection.runAndReadAll(`SELECT * FROM ${busTable} LIMIT 0`);
  const types = empty.columnTypes();
  const bus = new Map(
    empty.columnNames().map((name, index) => [foldName(name), { name, type: types[index]?.toString() ?? '' }]),
  );
  for (const name of ownColumns) bus.delete(name);
  const compared: ComparedColumn[] = [];
  const schema: SchemaDifference = { onlyInBus: [], onlyInOld: [], types: [] };
  const { columns } = await inspectTable(connection, oldTable);
  for (const column of columns) {
    const there = bus.get(foldName(column.canonName));
    bus.delete(foldName(column.canonName));
    if (there === undefined) {
      schema.onlyInOld.push({ name: column.name, type: column.type });
      continue;
    }
    const fits = column.canonType === there.type;
    if (!fits) schema.types.push({ name: there.name, bus: there.type, old: column.type });
    const type = fits && !there.type.includes('INTERVAL') ? there.type : 'VARCHAR'; // 30 days are not a month
    compared.push({
      name: there.name,
      left: `CAST(${identifier(there.name)} AS ${type})`,
      right: `CAST(${column.expression} AS ${type})`,
    });
  }
  schema.onlyInBus.push(...bus.values());
  return { compared, schema };
}

import type { CanonTable } from '@quantbot/bus-format/canon';
import type { TableOperation } from '@quantbot/infra';
import type { BusConfig } from '@quantbot/infra/config';
import { decideTable } from '../../writer/stages/table-operation.js';
import { operate } from '../operate.js';
import { print } from '../shared.js';
import { withTablesOfBus } from '../tables-of-bus.js';
import { whoAsks } from '../who-asks.js';
import { withCatalog } from './catalog.js';
import { busOfTables, type ChangeOptions, isOfCluster, previewOnCluster, tableNamed, timeoutMs } from './table.js';

type RetypeOperation = Extract<TableOperation, { type: 'table_retype' }>;
type RetypeOptions = ChangeOptions & { apply?: boolean };

/**
 * `quantbot-bus table retype`: compares each value of a column with another type. With `--apply`,
 * the daemon gives the column this type.
 */
export async function tableRetypeCommand(
  given: string,
  column: string,
  givenType: string,
  options: RetypeOptions,
): Promise<void> {
  const config = await busOfTables(options);
  const table = tableNamed(given);
  const { reason = null } = options;
  const to = typeNamed(givenType);
  const op: RetypeOperation = { type: 'table_retype', table, column, column_type: to, reason, by: whoAsks() };
  const found = { table, column, before: await typeBefore(config, op, options), to };
  if (options.apply) {
    const { seq } = await operate(config, op, timeoutMs);
    print(options, { applied: true, ...found, seq }, () =>
      [
        `${column} of canon.${table} is ${to} as of seq ${seq}. The files of the table are being built again.`,
        `To undo it: quantbot-bus table retype ${table} ${quoted(column)} ${quoted(found.before)} --apply`,
      ].join('\n'),
    );
    return;
  }
  print(options, { applied: false, ...found }, () =>
    [
      `${column} of canon.${table} is ${found.before}. Each of its values is exact as ${to}.`,
      `Run it again with --apply to change canon.${table}.`,
    ].join('\n'),
  );
}

/** Returns a type as the catalog prints it. */
const typeNamed = (given: string): string =>
  given
    .toUpperCase()
    .trim()
    .replace(/\s*([(),])\s*/g, '$1')
    .replace(/^TIMESTAMPTZ$/, 'TIMESTAMP WITH TIME ZONE');

const quoted = (text: string): string => (/^\w+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/**
 * Returns the type that a column has, or an empty text if there is none. Without `apply`, it
 * decides as the daemon does, so that a value that does not fit shows.
 */
async function typeBefore(config: BusConfig, op: RetypeOperation, options: RetypeOptions): Promise<string> {
  const { table, column } = op;
  if (!isOfCluster(config))
    return withTablesOfBus(config, async opened => {
      if (!options.apply) await decideTable(opened, op);
      return typeIn(opened.tables.named(table), column);
    });
  if (!options.apply) return typeIn((await previewOnCluster(config, op)).change.before, column);
  let type = '';
  await withCatalog(options, async catalog => {
    const sql = 'SELECT type FROM catalog.columns_d WHERE table_name = ? AND column_name = ?';
    type = String((await catalog.query(sql, [table, column]))[0]?.type ?? '');
  });
  return type;
}

const typeIn = (table: Pick<CanonTable, 'columns'> | null | undefined, column: string): string =>
  table?.columns.find(({ name }) => name === column)?.type ?? '';

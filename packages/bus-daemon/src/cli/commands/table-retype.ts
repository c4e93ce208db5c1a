import type { TableOperation } from '@quantbot/infra';
import type { BusConfig } from '@quantbot/infra/config';
import { decideTable } from '../../writer/stages/table-operation.js';
import { operate } from '../operate.js';
import { openedBus, print } from '../shared.js';
import { withTablesOfBus } from '../tables-of-bus.js';
import { whoAsks } from '../who-asks.js';
import { type ChangeOptions, tableNamed, timeoutMs } from './table.js';

type RetypeOperation = Extract<TableOperation, { type: 'table_retype' }>;

/**
 * `quantbot-bus table retype`: compares each value of a column with another type. With `--apply`,
 * the daemon gives the column this type.
 */
export async function tableRetypeCommand(
  given: string,
  column: string,
  givenType: string,
  options: ChangeOptions & { apply?: boolean },
): Promise<void> {
  const config = await openedBus(options);
  const table = tableNamed(given);
  const { reason = null } = options;
  const to = typeNamed(givenType);
  const op: RetypeOperation = { type: 'table_retype', table, column, column_type: to, reason, by: whoAsks() };
  const found = { table, column, before: await typeBefore(config, op, !options.apply), to };
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
 * Returns the type that a column has, or an empty text if there is none.
 *
 * @param isTrial whether to decide as the daemon does. A value that does not fit shows then.
 */
const typeBefore = (config: BusConfig, op: RetypeOperation, isTrial: boolean): Promise<string> =>
  withTablesOfBus(config, async opened => {
    if (isTrial) await decideTable(opened, op);
    return opened.tables.named(op.table)?.columns.find(({ name }) => name === op.column)?.type ?? '';
  });

import type { TableOperation } from '@quantbot/infra';
import type { BusConfig } from '@quantbot/infra/config';
import { decideRename } from '../../writer/stages/table-operation.js';
import { operate } from '../operate.js';
import { print } from '../shared.js';
import { withTablesOfBus } from '../tables-of-bus.js';
import { whoAsks } from '../who-asks.js';
import {
  busOfTables,
  type ChangeOptions,
  isOfCluster,
  previewOnCluster,
  readersOf,
  tableNamed,
  timeoutMs,
} from './table.js';

type RenameOperation = Extract<TableOperation, { type: 'table_rename' }>;

/**
 * `quantbot-bus table rename`: shows what reads the table under its old name. With `--apply`, the
 * daemon renames it.
 */
export async function tableRenameCommand(
  given: string,
  newName: string,
  options: ChangeOptions & { apply?: boolean },
): Promise<void> {
  const config = await busOfTables(options);
  const [table, to] = [tableNamed(given), tableNamed(newName)];
  const op: RenameOperation = { type: 'table_rename', table, to, reason: options.reason ?? null, by: whoAsks() };
  if (options.apply) {
    const { seq } = await operate(config, op, timeoutMs);
    print(options, { applied: true, table, to, seq }, () =>
      [
        `canon.${table} is canon.${to} as of seq ${seq}. Artifacts with the hint canon.${table} go on to it.`,
        `To undo it: quantbot-bus table rename ${to} ${table} --apply`,
      ].join('\n'),
    );
    return;
  }
  await mustBePossible(config, op);
  const readers = readersOf(config, table, `which becomes ${to}`);
  print(options, { applied: false, table, to, readers }, () =>
    [
      `canon.${table} would be canon.${to}. Its rows stay as they are.`,
      ...readers.map(reader => `read by: ${reader}`),
      `Run it again with --apply to rename canon.${table}.`,
    ].join('\n'),
  );
}

/** Decides as the daemon does, so that a mistake shows here. */
async function mustBePossible(config: BusConfig, op: RenameOperation): Promise<void> {
  if (isOfCluster(config)) return void (await previewOnCluster(config, op));
  await withTablesOfBus(config, async opened => decideRename(opened, op));
}

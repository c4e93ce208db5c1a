import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { artifactsOfTable, type CanonTable, forgottenOfTable, shownRows, storedRows } from '@quantbot/bus-format/canon';
import type { JournalRow } from '@quantbot/bus-format/journal';
import type { TableOperation } from '@quantbot/infra';
import { type BusConfig, type ClusterConfig, type TableMode, tableModeNames } from '@quantbot/infra/config';
import type { Command } from 'commander';
import type { TableChange } from '../../writer/job.js';
import { decideTable } from '../../writer/stages/table-operation.js';
import { operate } from '../operate.js';
import { print } from '../shared.js';
import { withTablesOfBus } from '../tables-of-bus.js';
import { whoAsks } from '../who-asks.js';
import { withCatalog } from './catalog.js';
import { busOfTables, type ChangeOptions, isOfCluster, previewOnCluster, tableNamed, timeoutMs } from './table.js';

interface ModeOptions extends ChangeOptions {
  apply?: boolean;
  orderBy?: string[];
}

/**
 * `quantbot-bus table set-mode`: shows which rows the table would have. With `--apply`, the daemon
 * sets its mode.
 */
export async function tableSetModeCommand(
  given: string,
  mode: TableMode,
  { key, ...options }: ModeOptions & { key?: string[] },
  command: Command,
): Promise<void> {
  // Here and not in the tree of commands: the list would load the schema of the configuration for
  // each help.
  if (!tableModeNames.includes(mode))
    return command.error(`error: there is no mode ${mode}. The modes are ${tableModeNames.join(', ')}`);
  await setMode(given, { mode, key: key ?? [] }, options);
}

/** `quantbot-bus table set-key`: as `set-mode` with the mode `upsert`. */
export async function tableSetKeyCommand(given: string, key: string[], options: ModeOptions): Promise<void> {
  await setMode(given, { mode: 'upsert', key }, options);
}

type ModeOperation = Extract<TableOperation, { type: 'table_set_mode' }>;

async function setMode(
  given: string,
  set: Pick<ModeOperation, 'mode' | 'key'>,
  { orderBy: order_by = [], ...options }: ModeOptions,
): Promise<void> {
  const config = await busOfTables(options);
  const table = tableNamed(given);
  const { reason = null } = options;
  const op: ModeOperation = { type: 'table_set_mode', table, ...set, order_by, reason, by: whoAsks() };
  if (options.apply) {
    const { seq } = await operate(config, op, timeoutMs);
    print(options, { applied: true, table, ...set, order_by, seq }, () => `${nameOf(op)} as of seq ${seq}.`);
    return;
  }
  const found = await (isOfCluster(config)
    ? whatChangesOnCluster(config, op, options)
    : whatChanges(config, op, options));
  print(options, { applied: false, ...found }, () =>
    [...describe(op, found), `Run it again with --apply to change canon.${table}.`].join('\n'),
  );
}

/** The rows of a table before and after a change. */
interface Changing {
  table: string;
  /** The mode and the key that it has now. */
  before: { mode: string; key: readonly string[]; order_by: readonly string[] };
  artifacts: number;
  artifact_rows: number;
  /** Rows of its artifacts that it would not show. */
  hidden_rows: number;
  /** Rows of forgotten artifacts, which would be gone for ever. */
  lost_rows: number;
}

const whatChanges = (config: BusConfig, op: ModeOperation, options: ChangeOptions): Promise<Changing> =>
  withTablesOfBus(config, async opened => {
    // As the daemon decides, so that a mistake shows here.
    const change = await decideTable(opened, op);
    const artifacts = await artifactsOfTable(opened.journal, change.table, opened.journal.lastSeq);
    const forgotten = await forgottenOfTable(opened.journal, change.table);
    const pathOf = ({ rel_path }: JournalRow) => join(config.busRoot, rel_path ?? '');
    const stored = artifacts.filter(row => !forgotten.has(row.artifact_key ?? '') && existsSync(pathOf(row)));
    const shown = await countShown(change, stored, pathOf, options);
    return {
      table: op.table,
      before: foundMode(change.before),
      artifacts: artifacts.length,
      artifact_rows: rowsIn(artifacts),
      hidden_rows: rowsIn(stored) - shown,
      lost_rows: rowsIn(change.erased),
    };
  });

/** As {@link whatChanges}. The lake has all rows of a table. */
async function whatChangesOnCluster(
  config: BusConfig & { cluster: ClusterConfig },
  op: ModeOperation,
  options: ChangeOptions,
): Promise<Changing> {
  const { change, artifacts, artifactRows, allRows } = await previewOnCluster(config, op);
  const then = change.next?.get(change.table) as CanonTable;
  let hidden = 0;
  await withCatalog(options, async catalog => {
    const [found] = await catalog.query<{ hidden: number }>(
      `WITH kept AS (
         SELECT * FROM (${allRows}) WHERE _artifact_key NOT IN (SELECT artifact_key FROM catalog.forgotten_f)),
       shown AS (${shownRows(then, 'SELECT * FROM kept', '(SELECT max(_seq) FROM kept)')})
       SELECT (SELECT count(*) FROM kept) - (SELECT count(*) FROM shown) AS hidden`,
    );
    hidden = Number(found?.hidden);
  });
  return {
    table: op.table,
    before: foundMode(change.before),
    artifacts,
    artifact_rows: artifactRows,
    hidden_rows: hidden,
    lost_rows: rowsIn(change.erased),
  };
}

function foundMode(before: TableChange['before']): Changing['before'] {
  const { mode = '', key = [], orderBy = [] } = before ?? {};
  return { mode, key, order_by: orderBy };
}

const rowsIn = (rows: readonly JournalRow[]): number => rows.reduce((sum, row) => sum + (row.rows ?? 0), 0);

/** Counts the rows of stored artifacts that a table shows after a change. */
async function countShown(
  { table, next }: TableChange,
  stored: readonly JournalRow[],
  pathOf: (row: JournalRow) => string,
  options: ChangeOptions,
): Promise<number> {
  const then = next?.get(table) as CanonTable;
  const newest = stored.at(-1)?.seq;
  if (newest === undefined) return 0;
  const files = stored.map(row => ({
    path: pathOf(row),
    seq: row.seq,
    ordinal: row.ordinal,
    artifactKey: row.artifact_key ?? '',
  }));
  let count = 0;
  await withCatalog(options, async catalog => {
    const rows = shownRows(then, storedRows(then.columns, files), String(newest));
    const [found] = await catalog.query<{ n: number }>(`SELECT count(*) AS n FROM (${rows})`);
    count = Number(found?.n);
  });
  return count;
}

const nameOf = ({ table, mode, key, order_by }: ModeOperation): string =>
  `canon.${table} has ${described({ mode, key, order_by })}`;

const described = ({ mode, key, order_by }: Changing['before']): string =>
  [
    `the mode ${mode}`,
    ...(key.length > 0 ? [`the key ${key.join(', ')}`] : []),
    ...(order_by.length > 0 ? [`the order ${order_by.join(', ')}`] : []),
  ].join(', ');

function describe(op: ModeOperation, { before, artifacts, artifact_rows, hidden_rows, lost_rows }: Changing): string[] {
  return [
    `canon.${op.table} has ${described(before)}. It would have ${described(op)}.`,
    `It would hide ${hidden_rows} of the ${artifact_rows} rows of ${artifacts} artifact${artifacts === 1 ? '' : 's'}.`,
    ...(lost_rows > 0 ? [`${lost_rows} rows of forgotten artifacts would be gone for ever.`] : []),
  ];
}

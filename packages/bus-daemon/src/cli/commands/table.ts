import { isOfTable } from '@quantbot/bus-format/journal';
import type { TableOperation } from '@quantbot/infra';
import { busError } from '@quantbot/infra/bus';
import { type BusConfig, type ClusterConfig, isReplaced } from '@quantbot/infra/config';
import type { PreviewOfTable } from '../../cluster/tables.js';
import { withClusterPackage } from '../../cluster-package.js';
import { decideTable } from '../../writer/stages/table-operation.js';
import { operate } from '../operate.js';
import { type CommonOptions, configOf, openedBus, print } from '../shared.js';
import { tableOf } from '../table.js';
import { withTablesOfBus } from '../tables-of-bus.js';
import { whoAsks } from '../who-asks.js';
import { type CatalogOptions, withCatalog } from './catalog.js';

/** A row of `catalog.tables_d`. */
interface TableRow {
  table_name: string;
  mode: string;
  key: string[];
  artifacts: number;
  artifact_rows: number;
  last_seq: number | null;
  last_committed_at: Date | null;
}

/** `quantbot-bus table list`: lists the canonical tables. */
export async function tableListCommand(options: CatalogOptions): Promise<void> {
  await withCatalog(options, async catalog => {
    const tables = await catalog.query<TableRow>('FROM catalog.tables_d ORDER BY table_name');
    print(options, tables, () => (tables.length === 0 ? 'no canonical table' : describe(tables)));
  });
}

const describe = (tables: readonly TableRow[]): string =>
  tableOf(
    ['table', 'mode', 'key', 'artifacts', 'their rows', 'last seq', 'committed at'],
    tables.map(({ table_name, mode, key, artifacts, artifact_rows, last_seq, last_committed_at }) => [
      `canon.${table_name}`,
      mode,
      key,
      artifacts,
      artifact_rows,
      last_seq,
      last_committed_at,
    ]),
  );

/** The options of the commands that change a table. */
export interface ChangeOptions extends CommonOptions {
  reason?: string;
}

/** How long to wait for an operation on a table. */
export const timeoutMs = 600_000;

/**
 * `quantbot-bus table drop`: shows what would go, and what reads it. With `--apply`, the daemon
 * drops the table.
 */
export async function tableDropCommand(given: string, options: ChangeOptions & { apply?: boolean }): Promise<void> {
  const config = await busOfTables(options);
  const table = tableNamed(given);
  const op = operationOn('table_drop', table, options);
  const found = await (isOfCluster(config) ? whatGoesOnCluster(config, op) : whatGoes(config, op));
  if (!options.apply) {
    print(options, { applied: false, ...found }, () =>
      [...describeDrop(found), `Run it again with --apply to drop canon.${table}.`].join('\n'),
    );
    return;
  }
  const { seq } = await operate(config, op, timeoutMs);
  print(options, { applied: true, ...found, seq }, () =>
    [
      `canon.${table} is dropped as of seq ${seq}. Its artifacts stay, and bring it back:`,
      `quantbot-bus table restore ${table}`,
    ].join('\n'),
  );
}

/** `quantbot-bus table restore`: brings a dropped table back. */
export async function tableRestoreCommand(given: string, options: ChangeOptions): Promise<void> {
  const config = configOf(options);
  const table = tableNamed(given);
  const { seq } = await operate(config, operationOn('table_restore', table, options), timeoutMs);
  print(options, { table, seq }, () => `canon.${table} is restored as of seq ${seq}. Its files are being built again.`);
}

const operationOn = (
  type: 'table_drop' | 'table_restore',
  table: string,
  { reason }: ChangeOptions,
): TableOperation => ({
  type,
  table,
  reason: reason ?? null,
  by: whoAsks(),
});

/** Returns the bus of a command that changes tables. A daemon must have opened it before. */
export async function busOfTables(options: CommonOptions): Promise<BusConfig> {
  const config = configOf(options);
  return isOfCluster(config) ? config : openedBus(options);
}

/** Whether a configuration is of a bus on many machines. */
export const isOfCluster = (config: BusConfig): config is BusConfig & { cluster: ClusterConfig } =>
  config.cluster !== undefined;

/** Decides as a daemon of a cluster does. */
export async function previewOnCluster(
  config: BusConfig & { cluster: ClusterConfig },
  op: TableOperation,
): Promise<PreviewOfTable> {
  const { previewOfTable } = await withClusterPackage(() => import('../../cluster/tables.js'));
  return previewOfTable(config, op);
}

/** People write the name as in SQL, with or without its schema. */
export function tableNamed(given: string): string {
  const name = given.toLowerCase().replace(/^canon\./, '');
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(name)) return name;
  throw busError('OPTIONS_INVALID', `${given} is not the name of a canonical table.`, {
    hint: 'List the tables with `quantbot-bus table list`.',
  });
}

/** What goes with a table. */
interface Going {
  table: string;
  artifacts: number;
  artifact_rows: number;
  /** Rows of forgotten artifacts, which a restore cannot bring back. */
  lost_rows: number;
  /** Exports and views that read the table. */
  readers: string[];
}

const whatGoes = (config: BusConfig, op: TableOperation): Promise<Going> =>
  withTablesOfBus(config, async opened => {
    const { journal } = opened;
    // As the daemon decides, so that a mistake shows here.
    const { table: first, erased } = await decideTable(opened, op);
    const [row] = await journal.query<{ n: bigint; rows: bigint }>(
      `SELECT count(*) AS n, CAST(coalesce(sum(rows), 0) AS BIGINT) AS rows FROM ${journal.shown}
       WHERE ${isOfTable(first, journal.names)}`,
    );
    return {
      table: op.table,
      artifacts: Number(row?.n ?? 0),
      artifact_rows: Number(row?.rows ?? 0),
      lost_rows: rowsOf(erased),
      readers: readersOf(config, op.table, 'which goes too'),
    };
  });

/** As {@link whatGoes}. */
async function whatGoesOnCluster(config: BusConfig & { cluster: ClusterConfig }, op: TableOperation): Promise<Going> {
  const { table } = op;
  const { change, artifacts, artifactRows } = await previewOnCluster(config, op);
  const lost_rows = rowsOf(change.erased);
  const readers = readersOf(config, table, 'which goes too');
  return { table, artifacts, artifact_rows: artifactRows, lost_rows, readers };
}

const rowsOf = (artifacts: readonly { rows: number | null }[]): number =>
  artifacts.reduce((sum, { rows }) => sum + (rows ?? 0), 0);

/**
 * Returns the exports and the views of the configuration that read a table.
 *
 * @param fate what becomes of the table's own export.
 */
export function readersOf({ export: exports, publish }: BusConfig, table: string, fate: string): string[] {
  const { jobs, tables, enabled } = exports;
  const reads = ({ sql }: { sql: string }) => new RegExp(`\\bcanon\\s*\\.\\s*"?${table}\\b`, 'i').test(sql);
  const own =
    enabled && !isReplaced(table, exports) && tables[table]?.enabled !== false ? [`export ${table}, ${fate}`] : [];
  return [
    ...own,
    ...jobs.filter(reads).map(({ name }) => `export ${name}, which will fail`),
    ...publish.views.filter(reads).map(({ name }) => `view ${name}, which will be missing`),
  ];
}

function describeDrop({ table, artifacts, artifact_rows, lost_rows, readers }: Going): string[] {
  const lost = `${lost_rows} rows of forgotten artifacts would be gone for ever`;
  return [
    `canon.${table} would go: the ${artifact_rows} rows of ${artifacts} artifact${artifacts === 1 ? '' : 's'}. The artifacts stay.`,
    ...(lost_rows > 0 ? [lost] : []),
    ...readers.map(reader => `read by: ${reader}`),
  ];
}

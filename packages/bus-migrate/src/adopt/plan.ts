import { canonicalSchemas, modes, TableRegistry, tableStarts } from '@quantbot/bus-format/canon';
import { Journal } from '@quantbot/bus-format/journal';
import type { AdoptedTable } from '@quantbot/bus-format/state';
import { BusError } from '@quantbot/infra';
import { busLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { exists } from '@quantbot/infra/files';
import { type PlannedView, tryViews } from './carried-views.js';
import type { KeptColumn } from './kept-column.js';
import { type LostObject, listLost } from './lost.js';
import { chooseNames, type NameChoices, nameOf } from './names.js';
import { listTables, listViews, type OldTable } from './objects.js';
import type { OldDatabase } from './old-database.js';
import { inspectTable } from './old-table.js';

/** An old table and its plan. */
export interface PlannedTable extends OldTable {
  /** Its canonical table. */
  canon: string;
  rows: number;
  columns: KeptColumn[];
  /** Notes for the operator: renamed and changed columns, and rows that the bus already has. */
  notes: string[];
}

/** The plan of an adoption. */
export interface AdoptionPlan {
  database: string;
  bytes: number;
  /**
   * Whether the database is at the path where the bus publishes. It is renamed once the bus has all
   * of its rows.
   */
  replaces: boolean;
  tables: PlannedTable[];
  /**
   * Tables to leave out: an earlier run adopted them, or (with `skipKnown`) the bus has rows of
   * them.
   */
  taken: string[];
  views: PlannedView[];
  lost: LostObject[];
  /** Conflicts that the operator must resolve first. */
  conflicts: string[];
}

/** A database file and the tables of it that the bus has. */
export interface OldContent {
  path: string;
  bytes: number;
  /** Tables of this very file that an earlier run adopted. */
  taken: readonly AdoptedTable[];
  /**
   * Tables that were adopted from an older state of the file. They may have rows that the bus lacks
   * or has from their producers.
   */
  before: readonly AdoptedTable[];
}

/** Inspects an old database and the bus, and changes neither. */
export async function planAdoption(
  config: BusConfig,
  database: OldDatabase,
  what: OldContent,
  choices: NameChoices,
): Promise<AdoptionPlan> {
  const { connection } = database;
  const all = await listTables(connection);
  const { named, conflicts } = chooseNames(all, choices);
  const taken = new Set(what.taken.map(nameOf));
  const registry = await readRegistry(config);
  const tables: PlannedTable[] = [];
  const left: PlannedTable[] = [];
  for (const table of named.filter(table => !taken.has(nameOf(table)))) {
    const { rows, columns, problems } = await inspectTable(connection, table);
    const isLeft = choices.skipKnown && registry.lastSeq(firstNameOf(registry, table.canon)) > 0;
    if (!isLeft) conflicts.push(...problems.map(problem => `${nameOf(table)}: ${problem}, or --skip ${nameOf(table)}`));
    (isLeft ? left : tables).push({ ...table, rows, columns, notes: notesOn(table.table, table.canon, columns) });
  }
  conflicts.push(...tables.flatMap(table => takenBefore(table, what)));
  if (conflicts.length === 0) conflicts.push(...checkAgainstBus(config, registry, tables));
  return {
    database: what.path,
    bytes: what.bytes,
    replaces: what.path === config.duckdbPath,
    tables,
    taken: [...taken, ...left.map(nameOf)],
    views:
      conflicts.length === 0
        ? await tryViews(oncePerName([...what.before, ...what.taken, ...left, ...tables]), await listViews(connection))
        : [],
    lost: await listLost(connection),
    conflicts,
  };
}

/** Keeps the last table of each name. */
const oncePerName = <Table extends OldTable>(tables: readonly Table[]): Table[] => [
  ...new Map(tables.map(table => [nameOf(table), table])).values(),
];

/** Returns the conflicts of tables whose rows would be ingested twice. */
function takenBefore(table: PlannedTable, { path, before }: OldContent): string[] {
  const earlier = before.find(other => nameOf(other) === nameOf(table) && other.canon === table.canon);
  return earlier === undefined
    ? []
    : [
        `${nameOf(table)}: its earlier rows are already in canon.${earlier.canon}: --skip ${nameOf(table)} (or --skip-known), once quantbot-bus compare ${earlier.canon} ${path} shows that no row is missing`,
      ];
}

function notesOn(table: string, canon: string, columns: readonly KeptColumn[]): string[] {
  const notes = columns.flatMap(({ name, canonName, type, canonType, restored, checked, isJson }) => [
    ...(name === canonName ? [] : [`${name} becomes ${canonName}: the name is the bus's own`]),
    ...(type === canonType ? [] : [`${name}: ${type} becomes ${canonType}${isJson ? ' (as JSON text)' : ''}`]),
    ...(restored === checked
      ? []
      : [
          `${name}: no view can name an ENUM or a coordinate system inside of another type: text, or a plain GEOMETRY, stands there`,
        ]),
  ]);
  return table.toLowerCase() === canon ? notes : [`the name becomes ${canon}`, ...notes];
}

/**
 * Checks that the daemon will accept the tables, by the configuration and the tables in the bus.
 */
function checkAgainstBus(config: BusConfig, registry: TableRegistry, tables: readonly PlannedTable[]): string[] {
  const conflicts: string[] = [];
  for (const table of tables) {
    const first = firstNameOf(registry, table.canon);
    if (!registry.isKnown(first) && !config.canon.autoRegister)
      conflicts.push(`${nameOf(table)}: canon.auto_register is off, and canon.tables does not declare ${table.canon}`);
    const there = registry.get(first);
    if (registry.lastSeq(first) > 0)
      table.notes.push(`canon.${table.canon} has rows in the bus; these are added (--skip-known leaves the table out)`);
    if (there !== undefined && !modes[there.mode].showsEveryRow)
      table.notes.push(`canon.${table.canon} has the mode ${there.mode}: some rows may become invisible`);
    try {
      const columns = table.columns.map(({ canonName: name, fileType: type }) => ({ name, type, nullable: true }));
      registry.draft().apply({ seq: 1, schemaHint: `canon.${table.canon}`, artifactKey: nameOf(table), columns });
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
      conflicts.push(...error.details.map(detail => `${nameOf(table)}: ${detail}`));
    }
  }
  return conflicts;
}

/** Artifacts with the hint of a planned table would be in this one. */
const firstNameOf = (registry: TableRegistry, canon: string): string => registry.tableOf(`canon.${canon}`) ?? canon;

async function readRegistry(config: BusConfig): Promise<TableRegistry> {
  const layout = busLayout(config.busRoot);
  if (!(await exists(layout.hot))) return TableRegistry.replay([], config.canon.tables);
  const journal = await Journal.read(layout);
  try {
    if (journal.lastSeq === 0) return TableRegistry.replay([], config.canon.tables);
    const starts = tableStarts(await journal.tableOperations());
    return TableRegistry.replay(await canonicalSchemas(journal), config.canon.tables, {
      starts,
      names: journal.names,
    });
  } finally {
    journal.close();
  }
}

import { canonicalSchemas, modes, TableRegistry } from '@quantbot/bus-format/canon';
import { Journal } from '@quantbot/bus-format/journal';
import type { AdoptedTable } from '@quantbot/bus-format/state';
import { BusError, busLayout } from '@quantbot/infra';
import type { BusConfig } from '@quantbot/infra/config';
import { exists } from '@quantbot/infra/files';
import { type PlannedView, tryViews } from './carried-views.js';
import type { KeptColumn } from './kept-column.js';
import { type LostObject, listLost } from './lost.js';
import { chooseNames, type NameChoices, nameOf } from './names.js';
import { listTables, listViews, type OldTable } from './objects.js';
import type { OldDatabase } from './old-database.js';
import { inspectTable } from './old-table.js';

/** An old table and what becomes of it. */
export interface PlannedTable extends OldTable {
  /** Its canonical table. */
  canon: string;
  rows: number;
  columns: KeptColumn[];
  /** What its reader should know: renamed and changed columns, rows that are there already. */
  notes: string[];
}

/** What an adoption would do. */
export interface AdoptionPlan {
  database: string;
  bytes: number;
  /**
   * The database lies where the bus publishes its own; it gets another name when all of it is in
   * the bus.
   */
  replaces: boolean;
  tables: PlannedTable[];
  /**
   * Tables that stay out: an earlier run has brought them into the bus, or (with `skipKnown`) the
   * bus has rows of them.
   */
  taken: string[];
  views: PlannedView[];
  lost: LostObject[];
  /** What must be decided first. */
  conflicts: string[];
}

/** A database file, and what of it is in the bus. */
export interface OldContent {
  path: string;
  bytes: number;
  /** Tables of this very file that an earlier run has taken. */
  taken: readonly AdoptedTable[];
  /**
   * Tables that were taken when the file was another: they may have rows by now that the bus has
   * not, or has from their producers.
   */
  before: readonly AdoptedTable[];
}

/** Looks at an old database and at the bus, and changes neither. */
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
    const isLeft = choices.skipKnown && registry.lastSeq(table.canon) > 0;
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

/** What is named later counts. */
const oncePerName = <Table extends OldTable>(tables: readonly Table[]): Table[] => [
  ...new Map(tables.map(table => [nameOf(table), table])).values(),
];

/** A table whose rows would come twice. */
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
 * Whether the daemon will take the tables: what the configuration declares, and what is in the bus
 * already.
 */
function checkAgainstBus(config: BusConfig, registry: TableRegistry, tables: readonly PlannedTable[]): string[] {
  const conflicts: string[] = [];
  for (const table of tables) {
    if (!registry.isKnown(table.canon) && !config.canon.autoRegister)
      conflicts.push(`${nameOf(table)}: canon.auto_register is off, and canon.tables does not declare ${table.canon}`);
    const there = registry.get(table.canon);
    if (registry.lastSeq(table.canon) > 0)
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

async function readRegistry(config: BusConfig): Promise<TableRegistry> {
  const layout = busLayout(config.busRoot);
  if (!(await exists(layout.hot))) return TableRegistry.replay([], config.canon.tables);
  const journal = await Journal.read(layout);
  try {
    return TableRegistry.replay(journal.lastSeq > 0 ? await canonicalSchemas(journal) : [], config.canon.tables);
  } finally {
    journal.close();
  }
}

import { tablesBehind } from '@quantbot/bus-format/canon';
import { Journal, listSegments } from '@quantbot/bus-format/journal';
import { readDaemonState } from '@quantbot/bus-format/state';
import type { ExaminedBus } from '../examined-bus.js';
import { type Finding, finding, fine, orFine } from '../finding.js';
import type { PublishedFacts } from '../published-facts.js';
import { many, shellWord } from '../words.js';

/** Checks that the tables that configuration and exports name exist, and the configured views. */
export async function tables(bus: ExaminedBus): Promise<Finding[]> {
  const published = await bus.published();
  if (published === undefined) return [fine('tables', 'the database cannot be queried')];
  const findings = [
    ...missingInConfig(bus, published),
    ...(await missingInExports(bus, published)),
    ...views(bus, published),
    ...(await waiting(bus)),
  ];
  return orFine(findings, 'tables', many(published.tables.length, 'canonical table'));
}

/** A running daemon knows the reason; otherwise the files show which tables wait. */
async function waiting({ config, layout, run, writer }: ExaminedBus): Promise<Finding[]> {
  const told = readDaemonState(config.busRoot)?.waitingTables ?? [];
  const cure = `${run('verify')} names every damaged file. Restore the stored file from a backup, or submit the same bytes again; the table then continues by itself`;
  const findings = told.map(({ table, since, code, message, hint }) =>
    finding(
      'TABLE_WAITS',
      `canon.${table} has not been compacted since ${since}: ${message}`,
      code === 'FILE_DAMAGED' ? cure : hint,
    ),
  );
  // While a daemon compacts or rebuilds, the files of a table may lag for a moment.
  if (writer.where !== 'nowhere') return findings;
  const { live } = await listSegments(layout.segments);
  const behind = [...(await tablesBehind(layout, live.at(-1)?.last ?? 0)).keys()];
  for (const table of behind.length === 0 ? [] : await shownNames(layout, behind))
    if (!told.some(waits => waits.table === table))
      findings.push(
        finding('TABLE_WAITS', `canon.${table} is not compacted: one of its stored files is damaged.`, cure),
      );
  return findings;
}

/** Files have the first name of their table. */
async function shownNames(layout: ExaminedBus['layout'], tables: readonly string[]): Promise<string[]> {
  const journal = await Journal.read(layout);
  try {
    return tables.map(table => journal.names.nameOf(table));
  } finally {
    journal.close();
  }
}

function missingInConfig({ config, configPath, restart }: ExaminedBus, { tables }: PublishedFacts): Finding[] {
  const there = new Set(tables.map(({ name }) => name));
  // A declared table without columns comes with its first artifact.
  const declared = config.canon.tables
    .filter(({ name, columns }) => columns.length > 0 && !there.has(name))
    .map(({ name }) =>
      finding(
        'TABLE_MISSING',
        `canon.${name} is declared in the configuration (canon.tables), but is not in the database: the daemon has not read the setting yet.`,
        restart(),
      ),
    );
  const known = new Set([...there, ...config.canon.tables.map(({ name }) => name)]);
  const exported = Object.keys(config.export.tables)
    .filter(name => !known.has(name))
    .map(name =>
      finding(
        'TABLE_MISSING',
        `export.tables of the configuration names ${name}, but canon.${name} does not exist. ${existing(tables)}`,
        `Submit an artifact with the schema hint canon.${name}, or correct the name in ${configPath} and ${restart()}`,
      ),
    );
  return [...declared, ...exported];
}

async function missingInExports(bus: ExaminedBus, { names, tables }: PublishedFacts): Promise<Finding[]> {
  if (!bus.config.export.enabled) return [];
  return [...(await bus.exportTables())].flatMap(([name, reads = []]) =>
    reads
      .filter(table => !names.has(table))
      .map(table =>
        finding(
          'TABLE_MISSING',
          `The export ${name} reads ${table}, which does not exist. ${existing(tables)}`,
          `${table.startsWith('canon.') ? `Submit an artifact with the schema hint ${table}` : `${bus.run('query "SHOW ALL TABLES"')} lists all tables`}, or correct its SQL in ${bus.configPath} and ${bus.restart()}`,
        ),
      ),
  );
}

const existing = (tables: PublishedFacts['tables']): string =>
  tables.length === 0
    ? 'There are no canonical tables yet.'
    : `There ${tables.length === 1 ? 'is' : 'are'} ${tables
        .slice(0, 20)
        .map(({ name }) => `canon.${name}`)
        .join(', ')}${tables.length > 20 ? ', …' : ''}.`;

const views = ({ configPath, restart }: ExaminedBus, { failedViews }: PublishedFacts): Finding[] =>
  failedViews.map(({ name, error }) =>
    finding(
      'VIEW_FAILED',
      `The view ${name} of publish.views could not be created: ${error}`,
      `Correct it in ${shellWord(configPath ?? 'bus_config.json')}, then ${restart()}`,
    ),
  );

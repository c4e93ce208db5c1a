import type { AdoptionReport } from './adopt.js';
import { nameOf } from './names.js';

/** Formats an adoption as lines for people. */
export function describeReport(report: AdoptionReport): string {
  return [
    ...tableLines(report),
    ...viewLines(report),
    ...lostLines(report),
    ...(report.conflicts.length > 0
      ? ['', 'Decide these conflicts first:', ...report.conflicts.map(line => `  ${line}`)]
      : []),
    '',
    verdict(report),
  ]
    .join('\n')
    .trim();
}

function tableLines({ tables, taken, applied }: AdoptionReport): string[] {
  const lines = tables.flatMap(table => [
    `  ${nameOf(table)} ${applied ? 'is' : 'becomes'} canon.${table.canon}: ${table.rows} rows, ${table.columns.length} columns`,
    ...table.notes.map(note => `    ${note}`),
  ]);
  const heading = tables.length > 0 ? ['Tables:'] : [];
  return [...heading, ...lines, ...(taken.length > 0 ? [`Already in the bus: ${taken.join(', ')}`] : [])];
}

function viewLines({ views, conflicts, viewsIn }: AdoptionReport): string[] {
  const carried = views.filter(view => view.problem === null);
  const lost = views.filter(view => view.problem !== null);
  const snippet = JSON.stringify({ publish: { views: carried.map(({ name, sql }) => ({ name, sql })) } }, null, 2);
  return [
    ...(carried.length > 0 && conflicts.length === 0 ? ['', viewsHeading(viewsIn), snippet] : []),
    ...(lost.length > 0 ? ['', 'Views that would fail:'] : []),
    ...lost.flatMap(({ name, sql, problem }) => [`  ${name}: ${problem}`, `    ${sql}`]),
  ];
}

const viewsHeading = (viewsIn: string | null): string =>
  viewsIn === null
    ? 'To keep old names and views working, add this to bus_config.json (--write-views does it):'
    : `Old names and views keep working; ${viewsIn} now has them (restart a running daemon to load them):`;

function lostLines({ lost }: AdoptionReport): string[] {
  if (lost.length === 0) return [];
  return [
    '',
    'Not carried over (the published database has views only):',
    ...lost.map(({ kind, name, definition }) => `  ${kind} ${name}: ${definition}`),
  ];
}

function verdict(report: AdoptionReport): string {
  const { applied, conflicts, database, tables, taken, replaces, backup } = report;
  if (conflicts.length > 0) return 'Nothing was changed.';
  if (!applied)
    return tables.length + taken.length === 0 && !replaces
      ? `${database} has no tables.`
      : 'Nothing was changed. To apply the plan, run the same command with --apply.';
  const rows = 'The number of rows and a hash of all values were compared for every table.';
  if (backup !== null) return `${rows} The old database is ${backup}.`;
  return `${rows} ${database} stays where it is.`;
}

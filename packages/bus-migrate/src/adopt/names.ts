import { daemonError } from '@quantbot/bus-format';
import { canonTableOf } from '@quantbot/bus-format/canon';
import { foldName } from '@quantbot/infra/bus';
import type { OldTable } from './objects.js';

/** The operator's choices of names. */
export interface NameChoices {
  /** Maps `schema.table` to the name of the canonical table. */
  map: ReadonlyMap<string, string>;
  /** Tables (`schema.table`) to leave out. */
  skip: readonly string[];
  /** The only tables (`schema.table`) to adopt; all if empty. */
  only: readonly string[];
  /** Whether to leave out tables whose canonical table has rows in the bus. */
  skipKnown: boolean;
}

/** An old table and its canonical name. */
export interface NamedTable extends OldTable {
  canon: string;
}

/** Returns the name of an old table as people write it. */
export const nameOf = ({ schema, table }: OldTable): string => `${schema}.${table}`;

/**
 * Names the canonical table of each table: its own name, turned into a plain identifier if needed.
 *
 * @throws DaemonError `TABLE_NOT_FOUND` if a choice names a missing table.
 */
export function chooseNames(
  tables: readonly OldTable[],
  { map, skip, only }: NameChoices,
): { named: NamedTable[]; conflicts: string[] } {
  const byName = new Map(tables.map(table => [foldName(nameOf(table)), table]));
  for (const name of [...map.keys(), ...skip, ...only])
    if (!byName.has(foldName(name)))
      throw daemonError('TABLE_NOT_FOUND', `The database has no table ${name}.`, {
        details: tables.map(nameOf).slice(0, 50),
      });
  const skipped = new Set(skip.map(foldName));
  const meant = new Set((only.length > 0 ? only : tables.map(nameOf)).map(foldName));
  const chosen = new Map([...map].map(([name, canon]) => [foldName(name), canon]));
  const conflicts: string[] = [];
  const named = tables
    .filter(table => meant.has(foldName(nameOf(table))) && !skipped.has(foldName(nameOf(table))))
    .map(table => {
      const wanted = chosen.get(foldName(nameOf(table)));
      if (wanted !== undefined && canonTableOf(`canon.${wanted}`) === undefined)
        conflicts.push(
          `${nameOf(table)}: ${wanted} is not a valid name of a canonical table (letters, digits, _; at most 63)`,
        );
      return { ...table, canon: (wanted ?? plainName(table.table)).toLowerCase() };
    });
  return { named, conflicts: [...conflicts, ...collisions(named)] };
}

function plainName(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_]/g, '_');
  return (/^[0-9]/.test(plain) ? `t_${plain}` : plain).slice(0, 63);
}

function collisions(named: readonly NamedTable[]): string[] {
  const wanting = new Map<string, NamedTable[]>();
  for (const table of named) wanting.set(table.canon, [...(wanting.get(table.canon) ?? []), table]);
  return [...wanting]
    .filter(([, tables]) => tables.length > 1)
    .map(([canon, tables]) => {
      const [, second = { schema: '', table: '', canon }] = tables;
      return `${tables.map(nameOf).join(' and ')} both want to be canon.${canon}: --map ${nameOf(second)}=${canon}_2, or --skip ${nameOf(second)}`;
    });
}

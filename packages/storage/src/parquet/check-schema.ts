import type { ParquetColumn, ParquetFooter } from '@quantbot/infra';
import { foldName as fold } from '@quantbot/infra/bus';
import { storageError } from '../errors.js';
import { closest } from './closest.js';
import type { CheckedOptions } from './read-options.js';

interface FileFooter {
  path: string;
  footer: ParquetFooter;
}

/**
 * Checks that all files have the columns of the read, each with one type. DuckDB alone would read
 * all files with the first one's schema: it drops columns of later files, and turns 1.5 into 2 if
 * the first file has integers.
 *
 * Without a condition, only the columns that are read must agree. A condition can name any column,
 * so then all must. Columns that become partitions have the values of the folders' names.
 *
 * @throws StorageError `COLUMN_NOT_FOUND`, `SCHEMA_DIFFERS`.
 */
export function checkSchema(files: readonly FileFooter[], options: CheckedOptions): void {
  const [first, ...others] = files;
  if (first === undefined) return;
  const partitions = new Set(options.hivePartitioning ? files.flatMap(({ path }) => partitionsOf(path)) : []);
  const named = [...(options.columns ?? []), ...options.orderBy.map(by => by.column)];
  // With partitions, only DuckDB knows all columns.
  if (!options.hivePartitioning) for (const name of named) assertColumn(first, name);
  const renamed = files.find(({ footer }) => footer.meaning.hasRenamedColumns);
  if (renamed !== undefined) assertSameNames(renamed, files);
  const all = options.columns === undefined || options.where !== undefined;
  const read = new Set(named.map(fold));
  const isCompared = (name: string) => (all || read.has(name)) && !partitions.has(name);
  const details = others.flatMap(file => differences(first, file, isCompared)).slice(0, 20);
  if (details.length === 0) return;
  throw storageError('SCHEMA_DIFFERS', `The ${files.length} files do not have the same columns.`, { details });
}

/**
 * If DuckDB renames duplicate columns (`a`, `A_1`), a name in another file could mean another
 * column.
 */
function assertSameNames(renamed: FileFooter, files: readonly FileFooter[]): void {
  const namesOf = ({ footer }: FileFooter) => footer.columns.map(column => column.name).join();
  const other = files.find(file => namesOf(file) !== namesOf(renamed));
  if (other === undefined) return;
  throw storageError(
    'SCHEMA_DIFFERS',
    `${renamed.path} has duplicate column names, so all files need the same column names.`,
    {
      details: [`${renamed.path}: ${namesOf(renamed)}`, `${other.path}: ${namesOf(other)}`],
    },
  );
}

/** Ignores case, unless only case distinguishes columns of the file. */
function assertColumn({ path, footer }: FileFooter, name: string): void {
  const isExact = footer.meaning.hasRenamedColumns;
  if (footer.columns.some(column => (isExact ? column.name === name : fold(column.name) === fold(name)))) return;
  const names = footer.columns.map(column => column.name);
  const near = closest(name, names);
  throw storageError('COLUMN_NOT_FOUND', `There is no column ${JSON.stringify(name)} in ${path}.`, {
    details: [...(near === undefined ? [] : [`did you mean ${near}?`]), `the columns are ${names.join(', ')}`],
  });
}

/** Returns the columns that DuckDB takes from the names of a file's folders. */
const partitionsOf = (path: string): string[] =>
  path
    .split('/')
    .slice(0, -1)
    .flatMap(folder => (folder.includes('=') ? [fold(folder.slice(0, folder.indexOf('=')))] : []));

function differences(first: FileFooter, other: FileFooter, isCompared: (name: string) => boolean): string[] {
  const expected = byName(first.footer.columns, isCompared);
  const found = byName(other.footer.columns, isCompared);
  const lines: string[] = [];
  for (const [key, { name, type }] of expected) {
    const there = found.get(key);
    if (there === undefined) lines.push(`${name}: ${type} in ${first.path}, missing in ${other.path}`);
    else if (there.type !== type) lines.push(`${name}: ${type} in ${first.path}, ${there.type} in ${other.path}`);
  }
  for (const [key, { name, type }] of found)
    if (!expected.has(key)) lines.push(`${name}: missing in ${first.path}, ${type} in ${other.path}`);
  return lines;
}

const byName = (columns: readonly ParquetColumn[], isCompared: (name: string) => boolean) =>
  new Map(columns.map(column => [fold(column.name), column] as const).filter(([name]) => isCompared(name)));

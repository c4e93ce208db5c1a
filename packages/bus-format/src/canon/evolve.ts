import { busError, foldName, type ParquetColumn } from '@quantbot/infra';
import { byConfiguration, type CanonColumn, type CanonTable } from './table.js';
import { canonicalType, fits, widened } from './types.js';

/** Names that the views use themselves; DuckDB compares names without case. */
export const reservedColumns: ReadonlySet<string> = new Set([
  'filename',
  '_seq',
  '_ordinal',
  '_row',
  '_artifact_key',
  '_position',
  'file_row_number',
]);

/**
 * The table after an artifact with these columns: new columns are added, decimals widen, a missing
 * column reads NULL. Returns the same object when nothing changes.
 *
 * @param required columns that the artifact must have.
 * @throws BusError `SCHEMA_MISMATCH`, one detail per column, each with expected and found type and
 * who fixed it.
 */
export function evolve(
  table: CanonTable,
  artifactKey: string,
  columns: readonly ParquetColumn[],
  required: readonly string[] = [],
): CanonTable {
  const problems = [...nameProblems(columns), ...missingColumns(columns, required)];
  const next = new Map<string, CanonColumn>(table.columns.map(column => [foldName(column.name), column]));
  let changed = false;
  let { generation } = table;
  for (const { name, type } of columns) {
    const known = next.get(foldName(name));
    if (known === undefined) {
      const column = { name, type: canonicalType(type), fixedBy: artifactKey, required: required.includes(name) };
      next.set(foldName(name), column);
      changed = true;
      continue;
    }
    if (known.name !== name) {
      problems.push(`${name}: the table writes this column ${known.name} (fixed by ${known.fixedBy})`);
      continue;
    }
    if (fits(type, known.type)) continue;
    // A type that was declared is meant as it stands.
    const wide = known.fixedBy === byConfiguration ? undefined : widened(known.type, type);
    if (wide === undefined) {
      problems.push(`${name}: expected ${known.type} (fixed by ${known.fixedBy}), found ${type}`);
      continue;
    }
    next.set(foldName(name), { ...known, type: wide, fixedBy: artifactKey });
    changed = true;
    generation = table.generation + 1;
  }
  if (problems.length > 0)
    throw busError('SCHEMA_MISMATCH', `${artifactKey} does not fit canon.${table.name}: ${problems.join('; ')}.`, {
      details: problems,
    });
  return changed ? { ...table, columns: [...next.values()], generation } : table;
}

const missingColumns = (columns: readonly ParquetColumn[], required: readonly string[]): string[] =>
  required
    .filter(name => !columns.some(column => column.name === name))
    .map(name => `${name}: the file lacks this column, which every row must have (fixed by ${byConfiguration})`);

/**
 * Whether a file's type can be said again: not a struct whose fields have no names (a UNION as
 * DuckDB writes it).
 */
export const canBeDeclared = (type: string): boolean => !/STRUCT\((?!")/.test(type);

function nameProblems(columns: readonly ParquetColumn[]): string[] {
  const problems: string[] = [];
  for (const { name, type } of columns) {
    if (!canBeDeclared(type)) problems.push(`${name}: a canonical table cannot have the type ${type}`);
    if (reservedColumns.has(foldName(name))) problems.push(`${name}: this column name is the bus's own`);
  }
  if (columns.length === 0) problems.push('the file has no columns');
  return problems;
}

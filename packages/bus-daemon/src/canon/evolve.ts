import { busError, type ParquetColumn } from '@quantbot/infra';
import type { CanonColumn, CanonTable } from './table.js';
import { canonicalType, fits, widened } from './types.js';

/** Names that the views use themselves; DuckDB compares names without case. */
const reserved = new Set(['filename', '_seq', '_ordinal', '_row', '_artifact_key', '_position', 'file_row_number']);

/**
 * The table after an artifact with these columns: new columns are added, decimals widen, a missing column reads NULL. Returns the same
 * object when nothing changes.
 *
 * @throws BusError `SCHEMA_MISMATCH`, one detail per column, each with expected and found type and who fixed it.
 */
export function evolve(
  table: CanonTable | undefined,
  name: string,
  artifactKey: string,
  columns: readonly ParquetColumn[],
): CanonTable {
  const problems = nameProblems(columns);
  const next = new Map<string, CanonColumn>((table?.columns ?? []).map(column => [column.name.toLowerCase(), column]));
  let changed = table === undefined;
  let generation = table?.generation ?? 0;
  for (const column of columns) {
    const known = next.get(column.name.toLowerCase());
    if (known === undefined) {
      next.set(column.name.toLowerCase(), {
        name: column.name,
        type: canonicalType(column.type),
        fixedBy: artifactKey,
      });
      changed = true;
      continue;
    }
    if (known.name !== column.name) {
      problems.push(`${column.name}: the table writes this column ${known.name} (fixed by ${known.fixedBy})`);
      continue;
    }
    if (fits(column.type, known.type)) continue;
    const wide = widened(known.type, column.type);
    if (wide === undefined) {
      problems.push(`${column.name}: expected ${known.type} (fixed by ${known.fixedBy}), found ${column.type}`);
      continue;
    }
    next.set(column.name.toLowerCase(), { name: known.name, type: wide, fixedBy: artifactKey });
    changed = true;
    generation = (table?.generation ?? 0) + 1;
  }
  if (problems.length > 0)
    throw busError('SCHEMA_MISMATCH', `${artifactKey} does not fit canon.${name}: ${problems.join('; ')}.`, {
      details: problems,
    });
  return changed || table === undefined ? { name, columns: [...next.values()], generation } : table;
}

function nameProblems(columns: readonly ParquetColumn[]): string[] {
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const { name, type } of columns) {
    const folded = name.toLowerCase();
    // A struct whose fields have no names (a UNION as DuckDB writes it) cannot be declared again.
    if (/STRUCT\((?!")/.test(type)) problems.push(`${name}: a canonical table cannot have the type ${type}`);
    if (reserved.has(folded)) problems.push(`${name}: this column name is the bus's own`);
    if (seen.has(folded)) problems.push(`${name}: two columns of the file have this name (case does not count)`);
    seen.add(folded);
  }
  if (columns.length === 0) problems.push('the file has no columns');
  return problems;
}

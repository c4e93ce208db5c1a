import type { ParquetColumn } from '@quantbot/infra';
import { busError, foldName, nullType } from '@quantbot/infra/bus';
import { mismatchText } from '../mismatch/mismatch.js';
import { type FileColumn, isExactAs } from './exact.js';
import { byConfiguration, byRetype, type CanonColumn, type CanonTable, isChosen, shownName } from './table.js';
import { canonicalType, fits, isDecimal, isFloat, widened, widerByValues } from './types.js';

/** Column names that the views use. DuckDB ignores case in names. */
export const reservedColumns: ReadonlySet<string> = new Set([
  'filename',
  '_seq',
  '_ordinal',
  '_row',
  '_artifact_key',
  '_position',
  'file_row_number',
]);

/** What else {@link evolve} has to know. */
export interface EvolveOptions {
  /** Columns that the artifact must have. */
  required?: readonly string[];
  /** What fixed them. */
  requiredBy?: string;
  /**
   * Whether the artifact is in the journal. An operation that set the type of a column since has
   * found each value of it exact.
   */
  isCommitted?: boolean;
  /**
   * Whether an operation has set the key and the order. The operation has judged the artifacts that
   * are in the journal. A forgotten one may lack the key.
   */
  isKeySet?: boolean;
}

/**
 * Returns a table after an artifact with these columns: new columns and fields of structs are
 * added, and types widen. Columns that the artifact lacks read as NULL, but some artifact must have
 * brought each column of `orderBy`. Returns the same object if nothing changes.
 *
 * @throws BusError `SCHEMA_MISMATCH` with one detail per column: expected type, found type, and
 * what fixed the type; `COLUMN_UNSUPPORTED` if no canonical table can hold a column.
 */
export function evolve(
  table: CanonTable,
  artifactKey: string,
  columns: readonly FileColumn[],
  { required = [], requiredBy = byConfiguration, isCommitted = false, isKeySet = false }: EvolveOptions = {},
): CanonTable {
  const isDecided = isCommitted && isKeySet;
  const unheld = unheldColumns(columns);
  const asked = isDecided ? required.filter(name => !table.key.includes(name)) : required;
  const missing = missingColumns(columns, asked, 'file').map(text => `${text} (fixed by ${requiredBy})`);
  const problems = [...unheld, ...missing];
  const next = new Map<string, CanonColumn>(table.columns.map(column => [foldName(column.name), column]));
  let changed = false;
  let { generation } = table;
  for (const file of columns) {
    const { name, type, unnamed, as, misfit } = file;
    const set = table.types?.find(column => column.name === name);
    let known = next.get(foldName(name));
    if (known === undefined && set !== undefined) {
      const { type, was } = set;
      known = { name, type, fixedBy: byRetype, required: required.includes(name), ...(unnamed && { unnamed }), was };
      next.set(foldName(name), known);
      changed = true;
    }
    if (known === undefined) {
      const other = unnamed && [...next.values()].find(column => column.unnamed);
      if (other)
        problems.push(
          `${name}: has no name, like the column that the table calls ${other.name} (fixed by ${other.fixedBy})`,
        );
      const column = {
        name,
        ...typeFor(file, canonicalType(type)),
        fixedBy: artifactKey,
        required: required.includes(name),
        ...(unnamed && { unnamed }),
        ...(as === nullType && { open: true as const }),
        ...(wasCompactedAs(as, canonicalType(type)) && { recast: true as const }),
      };
      next.set(foldName(name), column);
      changed = true;
      continue;
    }
    if (known.name !== name) {
      problems.push(`${name}: the table writes this column ${known.name} (fixed by ${known.fixedBy})`);
      continue;
    }
    if ((known.unnamed ?? false) !== (unnamed ?? false)) {
      const [file, table] = unnamed ? ['no name in the file', 'one'] : ['this name in the file', 'none'];
      problems.push(`${name}: has ${file}, and ${table} in that of ${known.fixedBy}`);
      continue;
    }
    const { also, open, ...narrow } = known;
    if (open && as !== nullType && type !== nullType) {
      // An earlier version did not open columns. It compared the values with the column's type.
      const own = as ?? canonicalType(type);
      const isOther = own !== known.type;
      const fixed = { ...typeFor(file, own), fixedBy: artifactKey, ...(isOther && { recast: true as const }) };
      next.set(foldName(name), { ...narrow, ...fixed });
      changed = true;
      if (isOther) generation = table.generation + 1;
      continue;
    }
    const isJudged = isCommitted && known.was !== undefined;
    if (fits(type, known.type) || as === known.type || as === nullType || isJudged) {
      const isAlso = also === undefined || isExactAs(file, also);
      const isRecast = !known.recast && mayBeRecast(known, type, as);
      if (isAlso && !isRecast) continue;
      next.set(foldName(name), { ...(isAlso ? known : narrow), ...(isRecast && { recast: true }) });
      changed = true;
      continue;
    }
    const wide = isChosen(known) ? undefined : widenedFor(known, file);
    if (wide === undefined) {
      problems.push(mismatchText({ column: name, expected: known.type, fixedBy: known.fixedBy, found: type, misfit }));
      continue;
    }
    const recast = (isDecimal(wide) || wide === also) && { recast: true as const };
    next.set(foldName(name), { ...narrow, ...typeFor(file, wide), fixedBy: artifactKey, ...recast });
    changed = true;
    // An older view cannot read every new file: DuckDB refuses a struct without a field in common.
    generation = table.generation + 1;
  }
  const last = { ...table, columns: [...next.values()], generation };
  if (!isDecided) problems.push(...unordered(last), ...incomparable(last));
  if (problems.length > 0)
    throw busError(
      unheld.length > 0 ? 'COLUMN_UNSUPPORTED' : 'SCHEMA_MISMATCH',
      `${artifactKey} does not fit canon.${shownName(table)}: ${problems.join('; ')}.`,
      {
        details: problems,
      },
    );
  return changed ? last : table;
}

/**
 * Returns whether a column was compacted with another type before this file: the configuration
 * declared it later, or otherwise then.
 */
const mayBeRecast = ({ type, fixedBy }: CanonColumn, fileType: string, as: string | undefined): boolean =>
  wasCompactedAs(as, type) ||
  (fixedBy === byConfiguration && (isDecimal(type) || isFloat(type)) && canonicalType(fileType) !== type);

const wasCompactedAs = (as: string | undefined, type: string): boolean =>
  as !== undefined && as !== nullType && as !== type;

/** Returns the type of a column, and a wider one that holds each value so far, too. */
function typeFor(file: FileColumn, type: string): Pick<CanonColumn, 'type' | 'also'> {
  const also = widerByValues[type];
  return { type, ...(also !== undefined && isExactAs(file, also) && { also }) };
}

/**
 * Returns the type that a column gets for a file that does not fit; undefined for a mismatch. A
 * `DATE` becomes `TIMESTAMP` also for nanoseconds that it holds.
 */
function widenedFor({ type, also }: CanonColumn, file: FileColumn): string | undefined {
  const own = canonicalType(file.type);
  const isExact = own === also || (own === 'TIMESTAMP_NS' && file.also === also);
  return widened(type, file.type) ?? (isExact ? also : undefined);
}

/**
 * Returns what is wrong with the key and the order of a table that has artifacts already. Each
 * artifact may still have NULL in the key.
 */
export const keyProblems = (table: CanonTable): string[] => [
  ...missingColumns(table.columns, table.key, 'table'),
  ...unordered(table),
  ...incomparable(table),
];

/** A view cannot sort by a column that no file has had. */
const unordered = ({ orderBy, columns }: CanonTable): string[] =>
  orderBy
    .filter(name => !columns.some(column => foldName(column.name) === foldName(name)))
    .map(name => `${name}: order_by names this column, and neither the file nor the table has it`);

/**
 * DuckDB cannot compare two values of a VARIANT that have different types: one such file would end
 * every query and compaction.
 */
const incomparable = ({ key, orderBy, columns }: CanonTable): string[] =>
  columns
    .filter(({ name, type }) => type === 'VARIANT' && isAmong([...key, ...orderBy], name))
    .map(({ name }) => `${name}: key and order_by cannot name a VARIANT, because its values may have different types`);

const isAmong = (names: readonly string[], name: string): boolean =>
  names.some(other => foldName(other) === foldName(name));

const missingColumns = (
  columns: readonly { name: string }[],
  required: readonly string[],
  there: 'file' | 'table',
): string[] =>
  required
    .filter(name => !columns.some(column => column.name === name))
    .map(name => {
      const other = columns.find(column => foldName(column.name) === foldName(name));
      const found = other === undefined ? 'lacks this column' : `writes this column ${other.name}`;
      return `${name}: the ${there} ${found}, which every row must have`;
    });

/**
 * Returns whether a type of a file can be written in SQL. A struct with unnamed fields cannot;
 * DuckDB stores a UNION as one.
 */
export const canBeDeclared = (type: string): boolean => !/STRUCT\((?!")/.test(type);

/** The columns that no canonical table can hold. */
function unheldColumns(columns: readonly ParquetColumn[]): string[] {
  const problems: string[] = [];
  for (const { name, type } of columns) {
    if (!canBeDeclared(type)) problems.push(`${name}: a canonical table cannot have the type ${type}`);
    if (reservedColumns.has(foldName(name)))
      problems.push(`${name}: the bus needs this name itself; rename the column`);
  }
  if (columns.length === 0) problems.push('the file has no columns');
  return problems;
}

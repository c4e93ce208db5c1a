import type { DuckDBConnection } from '@duckdb/node-api';
import { type DeclaredColumn, foreignSchema, identifier, literal, literalList } from '@quantbot/bus-format';
import { query } from '@quantbot/bus-format/duckdb';
import { foldName } from '@quantbot/infra/bus';
import type { ColumnRules, TableQuality } from '@quantbot/infra/config';

/** The rules that are about the values of a file. */
export type ValueRules = Pick<TableQuality, 'unique' | 'columns'>;

/** What the values of one file say about the rules of its table. */
export interface ValueFindings {
  path: string;
  /** Broken rules, each with the first value that breaks it. */
  problems: string[];
  /** The newest moment of each column that must be fresh. Milliseconds since 1970. */
  newest: { column: string; ms: number }[];
}

/** A condition on a row that breaks a rule. */
interface Check {
  name: string;
  column: string;
  /** SQL that is true for a bad row. */
  isBad: string;
  /** The end of a sentence that starts with the value and its row. */
  says: string;
}

const maxShown = 80;
const integers = /^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/;
const fractions = /^(DECIMAL\(|FLOAT$|DOUBLE$)/;
const moments = /^(DATE|TIMESTAMP)/;

/**
 * Evaluates rules on every value of files with one schema. Returns the files that break some, and
 * those with columns that must be fresh.
 */
export async function judgeValues(
  connection: DuckDBConnection,
  paths: readonly string[],
  columns: readonly DeclaredColumn[],
  rules: ValueRules,
): Promise<ValueFindings[]> {
  const plan = await planOf(connection, columns, rules);
  const found = new Map(
    paths.map(path => [path, { path, problems: [...plan.always], newest: [] } as ValueFindings] as const),
  );
  const source = `read_parquet(${literalList(paths)}, schema = ${foreignSchema(columns)}, filename = true, hive_partitioning = false)`;
  await judgeRows(connection, source, plan, found);
  if (plan.unique.length > 0) await judgeKeys(connection, source, plan.unique, found);
  return [...found.values()].filter(({ problems, newest }) => problems.length + newest.length > 0);
}

interface Plan {
  checks: Check[];
  fresh: { column: string; type: string }[];
  unique: string[];
  /** Problems of every file with these columns. */
  always: string[];
}

async function planOf(
  connection: DuckDBConnection,
  columns: readonly DeclaredColumn[],
  { unique, columns: rules }: ValueRules,
): Promise<Plan> {
  const plan: Plan = { checks: [], fresh: [], unique: [], always: [] };
  const columnOf = (name: string) => columns.find(column => foldName(column.name) === foldName(name));
  for (const rule of rules) {
    const column = columnOf(rule.column);
    if (column !== undefined) await addRule(connection, plan, column, rule);
    else if (rule.notNull) plan.always.push(`${rule.column}: the file has no such column`);
  }
  const missing = unique.filter(name => columnOf(name) === undefined);
  plan.always.push(...missing.map(name => `${name}: the file has no such column, and the table wants unique values`));
  if (missing.length === 0) plan.unique = unique.flatMap(name => columnOf(name)?.name ?? []);
  return plan;
}

async function addRule(
  connection: DuckDBConnection,
  plan: Plan,
  { name: column, type }: DeclaredColumn,
  { notNull, min, max, matches, freshWithinMs }: ColumnRules,
): Promise<void> {
  const value = identifier(column);
  const add = (name: string, isBad: string, says: string) => plan.checks.push({ name, column, isBad, says });
  const cannot = (rule: string) => plan.always.push(`${column}: ${rule} cannot be applied to ${type}`);
  if (notNull) add('not_null', `${value} IS NULL`, 'must have a value');
  for (const [rule, bound] of Object.entries({ min, max })) {
    if (bound === undefined) continue;
    const sides = await sidesOf(connection, value, type, rule, bound);
    if (sides === undefined) cannot(`${rule} ${bound}`);
    else {
      const isBad = rule === 'min' ? `${sides.value} < ${sides.bound}` : `${sides.value} > ${sides.bound}`;
      // DuckDB takes NaN as the greatest number.
      const isNan = /^(FLOAT|DOUBLE)$/.test(type) ? ` OR isnan(${value})` : '';
      add(rule, `${isBad}${isNan}`, `is ${rule === 'min' ? 'less' : 'more'} than the ${rule}imum of ${bound}`);
    }
  }
  if (matches !== undefined) {
    if (type !== 'VARCHAR' || !(await isPattern(connection, matches))) cannot(`matches ${matches}`);
    else add('matches', `NOT regexp_full_match(${value}, ${literal(matches)})`, `does not match ${matches}`);
  }
  if (freshWithinMs !== undefined) {
    if (moments.test(type) && !type.endsWith(']')) plan.fresh.push({ column, type });
    else cannot('fresh_within');
  }
}

/** Returns both sides of a comparison, or undefined if the bound is none of the column's type. */
async function sidesOf(
  connection: DuckDBConnection,
  value: string,
  type: string,
  rule: string,
  bound: number | string,
): Promise<{ value: string; bound: string } | undefined> {
  if (typeof bound === 'string') {
    if (/\[\]$|^(STRUCT|MAP|BLOB)/.test(type)) return undefined;
    const cast = `TRY_CAST(${literal(bound)} AS ${type})`;
    const [row] = await query<{ fits: boolean }>(connection, `SELECT ${cast} IS NOT NULL AS fits`);
    return row?.fits === true ? { value, bound: cast } : undefined;
  }
  if (integers.test(type)) {
    const whole = rule === 'min' ? Math.ceil(bound) : Math.floor(bound);
    return { value, bound: String(BigInt(whole)) };
  }
  return fractions.test(type) && !type.endsWith(']')
    ? { value: `CAST(${value} AS DOUBLE)`, bound: `CAST(${literal(String(bound))} AS DOUBLE)` }
    : undefined;
}

/** DuckDB has expressions of its own kind (RE2). */
async function isPattern(connection: DuckDBConnection, pattern: string): Promise<boolean> {
  return connection.run(`SELECT regexp_full_match('', ${literal(pattern)})`).then(
    () => true,
    () => false,
  );
}

/** One query over all files: how many rows break each rule, and the first of them. */
async function judgeRows(
  connection: DuckDBConnection,
  source: string,
  { checks, fresh }: Plan,
  found: Map<string, ValueFindings>,
): Promise<void> {
  if (checks.length + fresh.length === 0) return;
  const results = [
    ...checks.flatMap(({ column, isBad }, i) => [
      `count_if(${isBad}) AS count_${i}`,
      `min(CASE WHEN ${isBad} THEN file_row_number END) AS row_${i}`,
      `arg_min(CASE WHEN ${isBad} THEN CAST(${identifier(column)} AS VARCHAR) END, file_row_number) AS value_${i}`,
    ]),
    ...fresh.flatMap(({ column, type }, i) => {
      const newest = `max(${identifier(column)}) FILTER (isfinite(${identifier(column)}))`;
      return [
        `epoch_ms(${type === 'DATE' ? `CAST(${newest} AS TIMESTAMP)` : newest}) AS newest_${i}`,
        `count(${identifier(column)}) AS moments_${i}`,
      ];
    }),
  ];
  const rows = await query<Record<string, unknown>>(
    connection,
    `SELECT filename AS path, count(*) AS rows, ${results.join(', ')} FROM ${source} GROUP BY filename`,
  );
  for (const row of rows) {
    const file = found.get(String(row.path));
    for (const [i, { column, says }] of checks.entries()) {
      const count = Number(row[`count_${i}`]);
      const value = row[`value_${i}`] ?? 'NULL';
      if (count > 0)
        file?.problems.push(
          `${column}: ${shown(value)} in row ${Number(row[`row_${i}`]) + 1} ${says} (${count} of ${row.rows} rows)`,
        );
    }
    for (const [i, { column }] of fresh.entries())
      if (row[`newest_${i}`] != null) file?.newest.push({ column, ms: Number(row[`newest_${i}`]) });
      else if (Number(row[`moments_${i}`]) > 0)
        file?.problems.push(`${column}: each value is infinite, and none is new`);
  }
}

/** The CASE keeps DuckDB from skipping rows by the writer's statistics, which may be wrong. */
async function judgeKeys(
  connection: DuckDBConnection,
  source: string,
  unique: readonly string[],
  found: Map<string, ValueFindings>,
): Promise<void> {
  const names = unique.map(identifier);
  const isWhole = names.map(name => `${name} IS NOT NULL`).join(' AND ');
  const text = `concat_ws(', ', ${names.map(name => `CAST(any_value(${name}) AS VARCHAR)`).join(', ')})`;
  const rows = await query<{ path: string; keys: bigint; first: string; row: bigint }>(
    connection,
    `SELECT path, count(*) AS keys, arg_min(value, second) AS first, min(second) AS row FROM (
       SELECT filename AS path, ${text} AS value, min(file_row_number, 2)[2] AS second FROM ${source}
       WHERE CASE WHEN length(filename) > 0 THEN ${isWhole} END
       GROUP BY filename, ${names.join(', ')} HAVING count(*) > 1) GROUP BY path`,
  );
  for (const { path, keys, first, row } of rows)
    found
      .get(path)
      ?.problems.push(
        `${unique.join(', ')}: ${shown(first)} occurs again in row ${Number(row) + 1} (${keys} values are not unique)`,
      );
}

const shown = (value: unknown): string => {
  const text = String(value);
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text;
};

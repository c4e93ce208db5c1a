import type { RuleId } from './rules.js';

/** A writing statement in SQL text. */
export interface Statement {
  rule: RuleId;
  /** Its start in the text. */
  at: number;
  text: string;
  /** The table it writes, if known. */
  table?: string;
}

/** Stands for an unknown value inserted into SQL text. */
export const placeholder = '__value__';

const name = String.raw`((?:"[^"]*"|[\w$.\x60[\]{}:?%-])+)`;
const kinds: readonly (readonly [RegExp, RuleId])[] = [
  [new RegExp(String.raw`^INSERT\s+(?:OR\s+\w+\s+)?INTO\s+(?:TABLE\s+)?${name}`, 'i'), 'duckdb-insert'],
  [new RegExp(String.raw`^UPDATE\s+(?:OR\s+\w+\s+)?${name}\s[\s\S]*?\bSET\b`, 'i'), 'duckdb-update'],
  [new RegExp(String.raw`^MERGE\s+INTO\s+${name}`, 'i'), 'duckdb-update'],
  [new RegExp(String.raw`^DELETE\s+FROM\s+${name}`, 'i'), 'duckdb-delete'],
  [new RegExp(String.raw`^TRUNCATE\s+(?:TABLE\s+)?${name}\s*$`, 'i'), 'duckdb-delete'],
  [
    new RegExp(String.raw`^CREATE\s+(?:OR\s+REPLACE\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?${name}`, 'i'),
    'duckdb-create-table',
  ],
  [
    /^CREATE\s+(?:OR\s+REPLACE\s+)?(?:UNIQUE\s+)?(?:VIEW|SCHEMA|INDEX|SEQUENCE|TYPE|MACRO|FUNCTION)\s/i,
    'duckdb-schema',
  ],
  [new RegExp(String.raw`^(?:ALTER|DROP)\s+TABLE\s+(?:IF\s+EXISTS\s+)?${name}`, 'i'), 'duckdb-schema'],
  [/^(?:ALTER|DROP)\s+(?:VIEW|SCHEMA|INDEX|SEQUENCE|TYPE|MACRO|FUNCTION)\s/i, 'duckdb-schema'],
  [/^(?:COPY\s+FROM\s+DATABASE|IMPORT\s+DATABASE)\s/i, 'duckdb-load'],
  [/^EXPORT\s+DATABASE\s/i, 'duckdb-export-database'],
];

/**
 * Returns the writing statements in SQL text and whether it has others; nothing if the text is not
 * SQL.
 */
export function statementsOf(sql: string): { writes: Statement[]; reads: boolean; temporary: string[] } {
  const masked = mask(sql);
  const writes: Statement[] = [];
  const temporary: string[] = [];
  let reads = false;
  let from = 0;
  for (const part of masked.split(';')) {
    const at = from + (/^[\s(]*/.exec(part)?.[0].length ?? 0);
    const own = { masked: masked.slice(at, from + part.length), text: sql.slice(at, from + part.length) };
    const found = writeOf(own.masked, own.text);
    if (found) writes.push({ ...found, at: at + found.at, text: own.text.trim() });
    const made = new RegExp(
      String.raw`^CREATE\s+(?:OR\s+REPLACE\s+)?(?:LOCAL\s+)?TEMP(?:ORARY)?\s+\w+\s+(?:IF\s+NOT\s+EXISTS\s+)?${name}`,
      'i',
    );
    const table = made.exec(own.masked)?.[1];
    if (table !== undefined) temporary.push(table.toLowerCase());
    if (
      !found &&
      /^(?:SELECT|FROM|WITH|DESCRIBE|SUMMARIZE|SHOW|PRAGMA|TABLE|PIVOT|EXPLAIN|VALUES|COPY)\b/i.test(own.masked)
    )
      reads = true;
    from += part.length + 1;
  }
  return { writes, reads, temporary };
}

function writeOf(masked: string, text: string): Omit<Statement, 'text'> | undefined {
  const at = afterWith(masked);
  const statement = masked.slice(at);
  const source = text.slice(at);
  for (const [pattern, rule] of kinds) {
    const match = pattern.exec(statement);
    if (match) return { rule, at, table: match[1]?.toLowerCase() };
  }
  const rule = /^COPY\b/i.test(statement) ? copyRule(statement, source) : attachRule(source);
  return rule && { rule, at };
}

/** Returns the start of the statement behind a WITH clause: `WITH a AS (…) INSERT …`. */
function afterWith(masked: string): number {
  if (!/^WITH\b/i.test(masked)) return 0;
  let depth = 0;
  for (const token of masked.matchAll(/[()]|\b(?:INSERT|UPDATE|DELETE|MERGE|SELECT|FROM)\b/gi)) {
    if (token[0] === '(') depth++;
    else if (token[0] === ')') depth--;
    else if (depth === 0) return token.index;
  }
  return 0;
}

function copyRule(masked: string, source: string): RuleId | undefined {
  const to = lastIndexOutside(masked, /\bTO\b/gi);
  if (to === undefined) {
    // A table name with or without columns. Prose and COPY statements of other databases have more
    // text in between.
    return new RegExp(String.raw`^COPY\s+${name}\s*(?:\([^)]*\)\s*)?FROM\s`, 'i').test(masked)
      ? 'duckdb-load'
      : undefined;
  }
  const [target, options] = [source.slice(to), masked.slice(to)];
  const written = /\bFORMAT\s*(?:AS\s+)?['"]?(\w+)/i.exec(target)?.[1]?.toLowerCase();
  if (written !== undefined)
    return written === 'parquet' || (written === placeholder && isParquet(target)) ? 'parquet-copy' : undefined;
  return isParquet(target) && /^TO\s+['$?_\w]/i.test(options) ? 'parquet-copy' : undefined;
}

const isParquet = (target: string): boolean => /\.(?:parquet|parq|pq)\b/i.test(target.split('\n')[0] ?? '');

function lastIndexOutside(masked: string, word: RegExp): number | undefined {
  let depth = 0;
  let found: number | undefined;
  for (const token of masked.matchAll(new RegExp(`[()]|${word.source}`, 'gi'))) {
    if (token[0] === '(') depth++;
    else if (token[0] === ')') depth--;
    else if (depth === 0) found = token.index;
  }
  return found;
}

/** Other systems, and addresses that DuckDB attaches without a lock. */
const elsewhere = /^(?::memory:|md:|motherduck:|ducklake:|postgres\w*:|sqlite:|mysql:|https?:|s3:|gcs?:|$)/i;

function attachRule(source: string): RuleId | undefined {
  const match =
    /^ATTACH\s+(?:OR\s+REPLACE\s+)?(?:DATABASE\s+)?(?:IF\s+NOT\s+EXISTS\s+)?(?:'([^']*)'|[?$])([\s\S]*)/i.exec(source);
  if (match === null || elsewhere.test(match[1] ?? placeholder)) return undefined;
  const options = match[2] ?? '';
  if (/\bREAD_ONLY\b(?!\s*(?:=\s*)?(?:false|0))/i.test(options)) return undefined;
  if (options.includes(placeholder) && options.includes('(')) return undefined; // the options are unknown
  const type = /\bTYPE\s+['"]?(\w+)/i.exec(options)?.[1] ?? 'duckdb';
  return /^duckdb$/i.test(type) ? 'duckdb-attach' : undefined;
}

/** Blanks comments and quoted text, keeping the length. */
const mask = (sql: string): string =>
  sql.replace(/--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*'/g, found =>
    found.startsWith("'") ? `'${' '.repeat(Math.max(0, found.length - 2))}'` : found.replace(/[^\n]/g, ' '),
  );

/** Returns whether a rule finds Parquet writes, whatever the database. */
export const alwaysWrites = (rule: RuleId): boolean => rule === 'parquet-copy' || rule === 'duckdb-export-database';

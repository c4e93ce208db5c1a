import { type Call, type Code, pathOf, type Value } from './code.js';
import { parquetWriters, takesSql } from './libraries.js';
import { type FileOrigins, fileOrigins, type Origin, openedBy, originsOf, receiverOrigins } from './origin.js';
import { expand, functionsOf, nameOf, placeOf, qualifiedOf, stringOf, type Text, textsOf } from './resolve.js';
import type { RuleId } from './rules.js';
import { alwaysWrites, statementsOf } from './sql-statements.js';

/** A writing place, before comments and the baseline are applied. */
export interface Write {
  rule: RuleId;
  /** Position in the source. */
  at: number;
  /** The code, which identifies the place among others of the same rule. */
  code: string;
  call: Call;
}

/** Finds all places in a file that write directly to DuckDB or Parquet. */
export function findWrites(code: Code): Write[] {
  const look = new Look(code);
  for (const call of code.calls) {
    look.sql(call);
    look.duckDb(call);
    look.parquet(call);
  }
  const found = new Map<string, Write>();
  for (const write of [...look.opens(), ...look.writes]) found.set(`${write.rule} ${write.at}`, write);
  return [...found.values()].sort((one, another) => one.at - another.at);
}

const writable = ({ database, mode }: Origin): boolean =>
  database === 'duckdb' && (mode === 'file' || mode === 'unknown');
const receiverOf = ({ callee }: Call): Value | undefined => (callee.kind === 'member' ? callee.of : undefined);
const methodOf = ({ callee }: Call): string => (callee.kind === 'member' || callee.kind === 'name' ? callee.name : '');

/** Inspects the calls of one file and records the writes of each connection. */
class Look {
  readonly writes: Write[] = [];
  readonly #code: Code;
  readonly #file: FileOrigins;
  readonly #temporary = new Set<string>();
  readonly #onlyRead = new Map<Call, boolean>();

  constructor(code: Code) {
    this.#code = code;
    this.#file = fileOrigins(code);
    for (const call of code.calls)
      for (const text of takesSql(methodOf(call)) ? sqlOf(call) : [])
        for (const table of statementsOf(stringOf(text)).temporary) this.#temporary.add(table);
  }

  /** Records the statements that a call receives. */
  sql(call: Call): void {
    if (!takesSql(methodOf(call)) || functionsOf(call.callee).length > 0) return;
    const receiver = receiverOf(call);
    const texts = sqlOf(call);
    const origins = receiverOrigins(receiver ?? (qualifiedOf(call.callee) ? call.callee : undefined), this.#file);
    if (texts.length === 0) this.#used(origins, false);
    for (const text of texts) {
      const sql = stringOf(text);
      const { writes, reads } = statementsOf(sql);
      this.#used(origins, writes.length > 0 ? writes.every(({ rule }) => alwaysWrites(rule)) : reads);
      for (const { rule, at, text: statement, table } of writes) {
        if (table !== undefined && this.#temporary.has(table)) continue;
        const attaches = rule === 'duckdb-attach' && origins.some(({ database }) => database === 'duckdb');
        const another = origins.length > 0 && origins.every(({ database }) => database === 'other');
        if (alwaysWrites(rule) ? !another : attaches || origins.some(writable))
          this.writes.push({ rule, at: placeOf(text, at), code: statement, call });
      }
    }
  }

  /** Records appenders, relations and data frames that go into a database. */
  duckDb(call: Call): void {
    const method = methodOf(call);
    const receiver = receiverOf(call);
    if (receiver === undefined) return;
    const say = (rule: RuleId, origins: readonly Origin[]) => {
      if (!origins.some(writable)) return;
      this.#used(origins, false);
      this.#add(rule, call);
    };
    if (method === 'createAppender') say('duckdb-appender', receiverOrigins(receiver, this.#file));
    else if (method === 'append' && call.args.length >= 2)
      say(
        'duckdb-appender',
        originsOf(receiver).filter(({ derived }) => !derived),
      );
    else if (/^(?:insert_into|to_table)$/.test(method))
      say(
        'duckdb-relation',
        originsOf(receiver).filter(({ derived }) => derived),
      );
    else if (/^(?:create|insert)$/.test(method) && this.#code.language === 'python')
      say(
        'duckdb-relation',
        originsOf(receiver).filter(({ derived }) => derived),
      );
    else if (method === 'to_sql' || method === 'write_database') {
      const target = call.args[1] ?? call.named.get('con') ?? call.named.get('connection');
      if (target === undefined) return;
      const address = textsOf(target).some(text => /^duckdb:\/{3}(?!:memory:)./.test(stringOf(text)));
      say('duckdb-insert', address ? [{ database: 'duckdb', mode: 'file' }] : originsOf(target));
    }
  }

  /** Records Parquet that is written without SQL. */
  parquet(call: Call): void {
    const name = nameOf(call.callee);
    const writer = parquetWriters.find(([pattern]) => pattern.test(name));
    if (writer) {
      const target = call.args[name.endsWith('ParquetWriter') ? 0 : 1] ?? call.named.get('where');
      if (!inMemory(target)) this.#add(writer[1], call);
    } else if (/^(?:pyarrow|pa)\.dataset\.write_dataset$/.test(name)) {
      const format = call.named.get('format') ?? call.args[3];
      if (format && textsOf(format).some(text => stringOf(text) === 'parquet')) this.#add('parquet-arrow', call);
    } else if (this.#writesFrame(call)) this.#add('parquet-dataframe', call);
  }

  #writesFrame(call: Call): boolean {
    const { callee, args, named } = call;
    if (callee.kind !== 'member') return false;
    const { name, of } = callee;
    if (name === 'parquet' || ((name === 'save' || name === 'saveAsTable') && saysParquet(of)))
      return (
        this.#code.language === 'python' && pathOf(of).some(part => part === 'write') && args.length + named.size > 0
      );
    const javascript = this.#code.language === 'javascript';
    const polars = javascript && this.#code.imports.some(({ module }) => module === 'nodejs-polars');
    if (javascript && !polars) return false;
    if (!(javascript ? /^(?:write|sink)Parquet$/ : /^(?:to|write|sink)_parquet$/).test(name)) return false;
    // A method of this file only calls the code that writes.
    if (pathOf(of)[0] === 'super' || functionsOf(callee).length > 0) return false;
    const library =
      /^(?:dask|dask_expr|awswrangler)\./.test(qualifiedOf(of) ?? '') || qualifiedOf(of) === 'dask.dataframe';
    const target = library ? args[1] : (args[0] ?? named.get('path') ?? named.get('file') ?? named.get('file_name'));
    if (target === undefined)
      return library || (named.size > 0 && [...named.keys()].some(key => /path|file/.test(key)));
    return !inMemory(target);
  }

  /** Returns the databases that are opened for writing. */
  opens(): Write[] {
    return this.#code.calls.flatMap(call => {
      if (openedBy(call)?.mode !== 'file') return [];
      const rule = this.#onlyRead.get(call) ? 'duckdb-open-to-read' : 'duckdb-open';
      return [{ rule, at: call.from, code: this.#source(call), call }];
    });
  }

  #used(origins: readonly Origin[], reads: boolean): void {
    for (const { open } of origins) if (open) this.#onlyRead.set(open, reads && (this.#onlyRead.get(open) ?? true));
  }

  #add(rule: RuleId, call: Call): void {
    const { callee } = call;
    // In a chain over several lines, report the line of the writing method.
    const offset = callee.kind === 'member' ? this.#source(call).lastIndexOf(`.${callee.name}`) : -1;
    const at = offset > 0 ? call.from + offset + 1 : call.from;
    this.writes.push({ rule, at, code: this.#source(call), call });
  }

  #source = ({ from, to }: Call): string => this.#code.text.slice(from, Math.min(to, from + 2000));
}

/**
 * Returns the SQL that a call receives: its first argument, or any argument of a plain function.
 */
function sqlOf(call: Call): Text[] {
  const { args, named } = call;
  const plain = call.callee.kind === 'name';
  const positional = plain ? args.slice(0, 3) : args.slice(0, 1);
  const values = [...positional, ...['query', 'sql', 'statement'].flatMap(name => named.get(name) ?? [])];
  return values.flatMap(value => [
    ...textsOf(value),
    ...expand(value).flatMap(each => {
      const inner = each.kind === 'object' ? (each.entries.get('sql') ?? each.entries.get('text')) : undefined;
      return inner ? textsOf(inner) : [];
    }),
  ]);
}

/** Returns whether a target is a buffer instead of a file. */
const inMemory = (target: Value | undefined): boolean =>
  target !== undefined &&
  expand(target).some(each =>
    each.kind === 'call'
      ? /(?:^|\.)(?:BytesIO|BufferOutputStream|NamedBytesIO|Buffer)$/.test(nameOf(each.call.callee))
      : each.kind === 'constant' || (each.kind === 'name' && /^(?:buf|buffer|bytes_io|bio)$/i.test(each.name)),
  );

function saysParquet(value: Value): boolean {
  for (let at = value; at.kind === 'call' || at.kind === 'member'; at = at.kind === 'call' ? at.call.callee : at.of)
    if (at.kind === 'call' && methodOf(at.call) === 'format')
      return at.call.args.some(argument => textsOf(argument).some(text => stringOf(text) === 'parquet'));
  return false;
}

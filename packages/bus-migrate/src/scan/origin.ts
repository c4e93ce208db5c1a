import { type Call, type Code, pathOf, type Value } from './code.js';
import { isForeign, isOpener, keepsConnection, mentionsDuckDb, mentionsOther, readsOnly } from './libraries.js';
import {
  expand,
  type Follow,
  functionsOf,
  nameOf,
  qualifiedOf,
  remembered,
  stringOf,
  textsOf,
  valuesOf,
} from './resolve.js';

/** How a connection was opened. */
export interface Origin {
  database: 'duckdb' | 'other';
  /** `unknown`: a DuckDB connection that was opened elsewhere. */
  mode: 'file' | 'memory' | 'read-only' | 'unknown';
  /** The call that opened it. */
  open?: Call;
  /** Whether it is a result or relation of the connection instead of the connection. */
  derived?: boolean;
}

const duckdb = (mode: Origin['mode'], open?: Call): Origin => ({ database: 'duckdb', mode, ...(open && { open }) });
const anotherDatabase: Origin = { database: 'other', mode: 'unknown' };

/** Returns how a connection may have been opened; empty if unknown. */
export const originsOf: Follow<Origin[]> = remembered<Origin[]>([], (value, depth) => {
  const next = (each: Value) => originsOf(each, depth + 1);
  if (value.kind === 'typed') return typeOrigin(value);
  if (value.kind === 'module') return value.module === 'duckdb' ? [duckdb('memory')] : byName(value.module);
  if (value.kind === 'call') return unique(callOrigins(value.call, next));
  if (value.kind === 'either') return unique(value.items.flatMap(next));
  if (value.kind === 'element') return next(value.of);
  const known = unique(valuesOf(value).flatMap(next));
  if (known.length > 0) return known;
  const qualified = qualifiedOf(value);
  if (qualified !== undefined && byName(qualified).length > 0) return byName(qualified);
  return value.kind === 'member' ? next(value.of).map(origin => ({ ...origin, derived: true })) : [];
});

const unique = (origins: Origin[]): Origin[] =>
  origins
    .filter(
      (each, at) =>
        origins.findIndex(
          o =>
            o.mode === each.mode && o.open === each.open && o.database === each.database && o.derived === each.derived,
        ) === at,
    )
    .slice(0, 16);

const byName = (qualified: string): Origin[] => {
  if (isForeign(qualified)) return [anotherDatabase];
  return mentionsDuckDb(qualified) ? [duckdb('unknown')] : [];
};

function callOrigins(call: Call, next: (value: Value) => Origin[]): Origin[] {
  const { callee } = call;
  const opened = openedBy(call);
  if (opened !== undefined) return [opened];
  if (nameOf(callee) === '@duckdb/node-api.DuckDBConnection.create')
    return call.args.length === 0 ? [duckdb('memory')] : call.args.slice(0, 1).flatMap(next);
  const functions = functionsOf(callee);
  if (functions.length > 0) return functions.flatMap(({ returns }) => returns.flatMap(next));
  if (callee.kind === 'member') {
    const keeps = keepsConnection(callee.name);
    const origins = next(callee.of).map(origin => (keeps ? origin : { ...origin, derived: true }));
    if (origins.length > 0) return origins;
  }
  return byName(nameOf(callee));
}

function typeOrigin({ type, scope }: Extract<Value, { kind: 'typed' }>): Origin[] {
  if (type.length > 200) return [];
  if (/\bDuckDB(?:Py)?(?:Connection|Instance|Client)|\bduckdb\b/i.test(type)) return [duckdb('unknown')];
  const names = type.match(/[\w$]+/g) ?? [];
  return names.flatMap(name => {
    const qualified = qualifiedOf({ kind: 'name', name, scope });
    return qualified === undefined ? [] : byName(qualified);
  });
}

/** Returns what a call opens; undefined if it opens no DuckDB database. */
export function openedBy(call: Call): Origin | undefined {
  const name = nameOf(call.callee);
  const engine = /(?:^|\.)(?:create_engine|create_async_engine)$/.test(name) || name === '%sql-connect';
  if (!engine && !isOpener(name)) return undefined;
  // A class of this file is a wrapper. Its own opening calls are inspected where they stand.
  if (isLocalClass(call.callee)) return undefined;
  const path = call.args[0] ?? call.named.get('database') ?? call.named.get('path') ?? call.named.get('url');
  const texts = path === undefined ? [] : textsOf(path).map(stringOf);
  if (engine) {
    const addresses = texts.filter(text => text.startsWith('duckdb:'));
    if (addresses.length === 0) return undefined;
    const files = addresses.map(text => text.replace(/^duckdb:\/{0,3}/, ''));
    return duckdb(files.every(inMemory) ? 'memory' : modeOf(call), call);
  }
  if (readsOnly(name)) return duckdb('read-only', call);
  const nothing = path === undefined || expand(path).every(each => each.kind === 'constant');
  if (nothing)
    return duckdb(
      call.args.length === 0 || /(?:^|\.)duckdb\.connect$|^@duckdb|^duckdb/.test(name) ? 'memory' : 'unknown',
      call,
    );
  return duckdb(texts.length > 0 && texts.every(inMemory) ? 'memory' : modeOf(call), call);
}

const isLocalClass = (callee: Value): boolean =>
  valuesOf(callee).some(({ kind }) => kind === 'class') || (callee.kind === 'member' && isLocalClass(callee.of));

/** Returns whether a path means memory, or a service that locks no file. */
const inMemory = (path: string): boolean => /^(?::memory:|:default:|md:|motherduck:|https?:|s3:|$)/i.test(path);

/** Returns the mode that a call asks for. Unknown arguments count as reading only. */
function modeOf(call: Call): Origin['mode'] {
  const options = [...call.named, ...call.args.slice(1).flatMap(argument => expand(argument).flatMap(entriesOf))];
  for (const [name, value] of options) {
    if (/^read_?only$/i.test(name)) return falseOnly(value) ? 'file' : 'read-only';
    if (/^access_?mode$/i.test(name)) return says(value, /READ_?WRITE|AUTOMATIC/i) ? 'file' : 'read-only';
    if (/^(?:config|connect_args|options)$/.test(name)) {
      const inner: Call = { ...call, args: [], named: new Map(expand(value).flatMap(entriesOf)) };
      if (modeOf(inner) === 'read-only') return 'read-only';
    }
  }
  const flags = call.args.slice(1).flatMap(argument => expand(argument));
  if (flags.some(flag => /READ_?ONLY/i.test(pathOf(flag).join('.')))) return 'read-only';
  const second = call.args[1];
  return second !== undefined && /\.connect$/.test(nameOf(call.callee)) && !falseOnly(second) ? 'read-only' : 'file';
}

const entriesOf = (value: Value): [string, Value][] => (value.kind === 'object' ? [...value.entries] : []);
const falseOnly = (value: Value): boolean => {
  const values = expand(value);
  return values.length > 0 && values.every(each => each.kind === 'constant' && each.value !== true);
};
const says = (value: Value, pattern: RegExp): boolean => textsOf(value).some(text => pattern.test(stringOf(text)));

/** What the whole file shows about databases, for receivers of unknown origin. */
export interface FileOrigins {
  usesDuckDb: boolean;
  usesOthers: boolean;
  /** Whether it opens DuckDB only in memory or for reading. */
  harmless: boolean;
}

/** Inspects the imports of a file and the databases it opens. */
export function fileOrigins(code: Code): FileOrigins {
  const opened = code.calls.map(openedBy).filter(origin => origin !== undefined);
  const names = code.imports.flatMap(({ module, names }) => [module, ...names]);
  return {
    usesDuckDb: opened.length > 0 || names.some(mentionsDuckDb),
    usesOthers: code.imports.some(({ module }) => isForeign(module)),
    harmless: opened.length > 0 && opened.every(({ mode }) => mode === 'memory' || mode === 'read-only'),
  };
}

/** Returns the origins of a receiver. If it cannot be followed, its name and its file decide. */
export function receiverOrigins(receiver: Value | undefined, file: FileOrigins): Origin[] {
  const known = receiver === undefined ? [] : originsOf(receiver);
  if (known.length > 0) return known;
  const name = receiver === undefined ? '' : pathOf(receiver).join('.');
  if (mentionsOther(name)) return [anotherDatabase];
  if (/duck/i.test(name)) return [duckdb(file.harmless ? 'memory' : 'unknown')];
  return file.usesDuckDb && !file.usesOthers && !file.harmless ? [duckdb('unknown')] : [];
}

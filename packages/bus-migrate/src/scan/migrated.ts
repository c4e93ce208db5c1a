import type { Call, Code, Scope } from './code.js';
import type { Write } from './find-writes.js';
import { submits } from './libraries.js';
import { expand, functionsOf, nameOf, stringOf, textsOf } from './resolve.js';

/** Returns whether a call submits to the bus, by the library or the script. */
export function isSubmission(call: Call): boolean {
  if (submits(nameOf(call.callee))) return true;
  return [...call.args, ...call.named.values()]
    .flatMap(value => expand(value))
    .flatMap(each => (each.kind === 'list' ? each.items : [each]))
    .some(value => textsOf(value).some(text => /\bbus_submit\.py\b|\bquantbot-bus-submit\b/.test(stringOf(text))));
}

/**
 * Returns the Parquet writes of a file that are submitted. The submission follows in the same
 * function, or in a function that calls it or is called by it and writes nothing itself.
 */
export function migratedAmong(writes: readonly Write[], code: Code): Set<Write> {
  const parquet = writes.filter(({ rule }) => rule.startsWith('parquet-') || rule === 'duckdb-export-database');
  const submissions = code.calls.filter(isSubmission);
  if (submissions.length === 0) return new Set();
  const writing = new Set(parquet.map(({ call }) => call.scope));
  const helpers = new Set(submissions.map(({ scope }) => scope).filter(scope => scope.parent && !writing.has(scope)));
  const local = code.calls.map(call => ({ call, functions: functionsOf(call.callee) }));
  const submitting = [
    ...submissions,
    ...local.filter(({ functions }) => functions.some(scope => helpers.has(scope))).map(({ call }) => call),
  ];
  const isMigrated = ({ call }: Write): boolean => {
    const ways: { scope: Scope; from: number }[] = around(call);
    const seen = new Set<Scope>();
    for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
      const { scope, from } = way;
      if (submitting.some(each => each.to > from && within(each.scope, scope))) return true;
      if (seen.has(scope)) continue;
      seen.add(scope);
      for (const each of local) if (each.functions.includes(scope)) ways.push(...around(each.call));
    }
    return false;
  };
  return new Set(parquet.filter(isMigrated));
}

/** Returns the functions around a call, innermost first; the file itself only outside functions. */
function around({ scope, from }: Call): { scope: Scope; from: number }[] {
  const all: { scope: Scope; from: number }[] = [];
  for (let at: Scope | undefined = scope; at?.parent !== undefined; at = at.parent) all.push({ scope: at, from });
  return all.length > 0 ? all : [{ scope, from }];
}

function within(scope: Scope, outer: Scope): boolean {
  // The file encloses each function, but a function does not run where it is defined.
  if (outer.parent === undefined) return scope === outer;
  for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) if (at === outer) return true;
  return false;
}

import { type Call, type Code, isSelf, type Piece, pathOf, type Scope, type Value } from './code.js';
import { returnsText } from './libraries.js';
import { placeholder } from './sql-statements.js';

/** Text as far as it is known, in pieces with their places. */
export type Text = readonly Piece[];

/**
 * Limits on depth and alternatives while following a value. Real code needs few, and hostile code
 * must end.
 */
const maxDepth = 16;
const maxAlternatives = 24;
const maxPieces = 400;

/** Follows a value; `depth` is how far it was followed already. */
export type Follow<R> = (value: Value, depth?: number) => R;

/**
 * Remembers the result for each value, so that the time is proportional to the code. A value that
 * is asked for during its own computation is a cycle and gives `whileBusy`.
 */
export function remembered<R>(whileBusy: R, work: (value: Value, depth: number) => R): Follow<R> {
  const known = new WeakMap<Value, { result: R }>();
  return (value, depth = 0) => {
    const before = known.get(value);
    if (before !== undefined || depth > maxDepth) return before === undefined ? whileBusy : before.result;
    const entry = { result: whileBusy };
    known.set(value, entry);
    entry.result = work(value, depth);
    return entry.result;
  };
}

/** Returns the values of a name, looked up from the innermost function outwards. */
export function valuesOf(value: Value): readonly Value[] {
  if (value.kind === 'name') return lookUp(value.scope, value.name);
  if (value.kind !== 'member') return [];
  const { of, name } = value;
  if (isSelf(of) && of.kind === 'name') return ownerOf(of.scope)?.members.get(name) ?? [];
  return of.kind === 'name' ? lookUp(of.scope, `${of.name}.${name}`) : [];
}

function lookUp(from: Scope, name: string): readonly Value[] {
  for (let scope: Scope | undefined = from; scope !== undefined; scope = scope.parent) {
    const values = scope.bindings.get(name);
    if (values !== undefined) return values;
    if (scope.params.includes(name)) return []; // an unknown parameter hides outer names
  }
  return [];
}

/** Returns the class that `this` and `self` mean in a scope. */
export function ownerOf(from: Scope): Scope['owner'] {
  for (let scope: Scope | undefined = from; scope !== undefined; scope = scope.parent)
    if (scope.owner !== undefined) return scope.owner;
  return undefined;
}

/** Returns the functions of this file that a value may be. */
export function functionsOf(value: Value, seen = new Set<Value>()): Scope[] {
  if (value.kind === 'function') return [value.scope];
  if (seen.has(value) || seen.size > maxAlternatives) return [];
  seen.add(value);
  return valuesOf(value).flatMap(each => (each.kind === 'call' ? [] : functionsOf(each, seen)));
}

/** Returns `module.name.name` for a value from an import; undefined otherwise. */
export const qualifiedOf: Follow<string | undefined> = remembered<string | undefined>(undefined, (value, depth) => {
  if (value.kind === 'module') return value.module;
  for (const known of valuesOf(value)) {
    const qualified = known.kind === 'call' ? undefined : qualifiedOf(known, depth + 1);
    if (qualified !== undefined) return qualified;
  }
  if (value.kind !== 'member') return undefined;
  const of = qualifiedOf(value.of, depth + 1);
  return of && `${of}.${value.name}`;
});

/** Returns the qualified name, or the written name if its origin is unknown. */
export const nameOf = (value: Value): string => qualifiedOf(value) ?? pathOf(value).join('.');

/**
 * Returns what `a`, `a.b` or an element of it may be, with names followed; the value itself if
 * nothing is known.
 */
export const expand: Follow<Value[]> = remembered<Value[]>([], (value, depth) => {
  const through = (values: readonly Value[]) =>
    values
      .slice(0, maxAlternatives)
      .flatMap(each => expand(each, depth + 1))
      .slice(0, maxAlternatives);
  if (value.kind === 'either') return through(value.items);
  if (value.kind === 'element')
    return through(expand(value.of, depth + 1).flatMap(each => (each.kind === 'list' ? each.items : entriesOf(each))));
  // A type adds nothing if other values are known.
  const known = valuesOf(value).filter(({ kind }) => kind !== 'typed');
  if (known.length > 0) return through(known);
  if (value.kind === 'member') {
    const entries = expand(value.of, depth + 1).flatMap(each =>
      each.kind === 'object' ? [each.entries.get(value.name)] : [],
    );
    const found = entries.filter(entry => entry !== undefined);
    if (found.length > 0) return through(found);
  }
  return [value];
});

const entriesOf = (value: Value): readonly Value[] => (value.kind === 'object' ? [...value.entries.values()] : []);

/** Returns the texts that a value may be. */
export const textsOf: Follow<Text[]> = remembered<Text[]>([], (value, depth) =>
  expand(value, depth)
    .flatMap(each => textsOfOne(each, depth))
    .slice(0, maxAlternatives),
);

function textsOfOne(value: Value, depth: number): Text[] {
  if (value.kind === 'text') return [value.pieces];
  if (value.kind === 'joined') return [joinedText(value, depth)];
  if (value.kind !== 'call') return [];
  const { callee, args } = value.call;
  const functions = functionsOf(callee);
  if (functions.length > 0)
    return functions.flatMap(({ returns }) => returns.flatMap(each => textsOf(each, depth + 1)));
  const name = pathOf(callee).at(-1) ?? (callee.kind === 'member' ? callee.name : '');
  if (callee.kind === 'member' && name === 'join') return joinedList(callee.of, args[0], depth);
  if (!returnsText(name)) return [];
  const own = callee.kind === 'member' ? textsOf(callee.of, depth + 1) : [];
  return own.length > 0 ? own : args.slice(0, 1).flatMap(each => textsOf(each, depth + 1));
}

/** `['a', 'b'].join(' ')` and `' '.join(['a', 'b'])` */
function joinedList(of: Value, argument: Value | undefined, depth: number): Text[] {
  const list = [of, ...(argument ? [argument] : [])]
    .flatMap(each => expand(each, depth + 1))
    .find(({ kind }) => kind === 'list');
  if (list?.kind !== 'list') return [];
  return [
    list.items
      .flatMap(item => [...(textsOf(item, depth + 1)[0] ?? [unknown(0)]), { text: ' ', from: 0 }])
      .slice(0, maxPieces),
  ];
}

const unknown = (from: number): Piece => ({ text: placeholder, from });

function joinedText({ parts, from }: Extract<Value, { kind: 'joined' }>, depth: number): Text {
  const pieces: Piece[] = [];
  for (const part of parts) {
    const text = part.kind === 'text' ? part.pieces : textsOf(part, depth + 1)[0];
    pieces.push(...(text ?? [unknown(from)]));
    if (pieces.length > maxPieces) break;
  }
  return pieces.slice(0, maxPieces);
}

/** Joins the pieces of a text. */
export const stringOf = (text: Text): string => text.map(piece => piece.text).join('');

/** Returns the place of a character in the source. */
export function placeOf(text: Text, at: number): number {
  let before = 0;
  for (const piece of text) {
    if (at < before + piece.text.length) return piece.from + at - before;
    before += piece.text.length;
  }
  return text.at(-1)?.from ?? 0;
}

/** Binds the parameters of this file's functions to the arguments of their calls. */
export function linkCalls({ calls }: Code): void {
  for (const call of calls) for (const scope of functionsOf(call.callee)) linkCall(call, scope);
}

function linkCall(call: Call, scope: Scope): void {
  const pass = (name: string, value: Value | undefined) => {
    if (name === '' || value === undefined || (value.kind === 'name' && value.scope === scope)) return;
    const known = scope.bindings.get(name) ?? [];
    if (known.length < 64) scope.bindings.set(name, [...known, value]);
  };
  scope.params.forEach((name, at) => {
    pass(name, call.args[at] ?? call.named.get(name));
  });
}

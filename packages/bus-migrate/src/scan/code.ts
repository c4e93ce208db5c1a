/**
 * Code of any language, reduced to what the rules need: calls, their arguments, and the meaning of
 * names.
 */

/** Text with its place in the source. Escapes are blanked, so offsets stay true. */
export interface Piece {
  text: string;
  from: number;
}

/** The value of an expression, as far as it is known without running it. */
export type Value =
  | { kind: 'text'; pieces: readonly Piece[] }
  | { kind: 'joined'; parts: readonly Value[]; from: number }
  | { kind: 'name'; name: string; scope: Scope }
  | { kind: 'member'; of: Value; name: string }
  | { kind: 'call'; call: Call }
  | { kind: 'list'; items: readonly Value[] }
  | { kind: 'element'; of: Value }
  | { kind: 'object'; entries: ReadonlyMap<string, Value> }
  | { kind: 'either'; items: readonly Value[] }
  | { kind: 'constant'; value: boolean | null }
  | { kind: 'module'; module: string }
  | { kind: 'typed'; type: string; scope: Scope }
  | { kind: 'function'; scope: Scope }
  | { kind: 'class' }
  | { kind: 'other' };

export const other: Value = { kind: 'other' };

/** A call, a `new`, or a tagged template. */
export interface Call {
  callee: Value;
  args: readonly Value[];
  /** Python's keyword arguments. */
  named: ReadonlyMap<string, Value>;
  from: number;
  to: number;
  scope: Scope;
}

/** A function, or the file itself. */
export interface Scope {
  parent?: Scope;
  /** The class of a method. `this` and `self` refer to it. */
  owner?: ClassScope;
  params: string[];
  returns: Value[];
  bindings: Map<string, Value[]>;
}

/** A class, with the meaning of its instances' members. */
export interface ClassScope {
  name: string;
  members: Map<string, Value[]>;
}

/** One file, or all code cells of a notebook. */
export interface Code {
  language: 'javascript' | 'python';
  text: string;
  calls: Call[];
  scopes: Scope[];
  /** Imported modules, and the names imported from them. */
  imports: { module: string; names: string[] }[];
  /** Positions that the parser could not read. */
  errors: number[];
}

export const newScope = (more: Partial<Scope> = {}): Scope => ({
  params: [],
  returns: [],
  bindings: new Map(),
  ...more,
});

/** Adds a value to the possible values of a name (or `a.b`). */
export function bind(bindings: Map<string, Value[]>, name: string, value: Value): void {
  const values = bindings.get(name);
  if (values === undefined) bindings.set(name, [value]);
  else if (values.length < 64) values.push(value);
}

/**
 * Returns the names in a chain of members (`a.b.c`), without calls in between. Empty for a value
 * without a name.
 */
export function pathOf(value: Value): string[] {
  const path: string[] = [];
  for (let at = value; ; ) {
    if (at.kind === 'member') {
      path.unshift(at.name);
      at = at.of;
    } else if (at.kind === 'call') at = at.call.callee;
    else if (at.kind === 'name') return [at.name, ...path];
    else return path;
  }
}

/** Returns whether a value is the instance of the surrounding method. */
export const isSelf = (value: Value): boolean => value.kind === 'name' && ['this', 'self', 'cls'].includes(value.name);

/** Blanks each escape of a literal to the same length, so that offsets stay true. */
export const blankEscapes = (source: string): string =>
  source.replace(/\\(\r\n|[\s\S])/g, (sequence, char: string) => {
    if (char === 'n' || char === '\n') return ' \n'; // it ends a comment in SQL
    return `'"\`\\`.includes(char) ? ` ${char}` : ' '.repeat(sequence.length);
  });

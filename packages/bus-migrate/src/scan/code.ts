/**
 * Code of any language, reduced to what the rules ask about: calls, their arguments, and what names
 * stand for.
 */

/**
 * A stretch of text and where it stands in the source; escapes are blanked, so that offsets stay
 * true.
 */
export interface Piece {
  text: string;
  from: number;
}

/** What an expression is, as far as it can be told without running it. */
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
  /** The class whose method it is; `this` and `self` mean it. */
  owner?: ClassScope;
  params: string[];
  returns: Value[];
  bindings: Map<string, Value[]>;
}

/** A class: what its instances' members stand for. */
export interface ClassScope {
  name: string;
  members: Map<string, Value[]>;
}

/** One file (or all code cells of a notebook). */
export interface Code {
  language: 'javascript' | 'python';
  text: string;
  calls: Call[];
  scopes: Scope[];
  /** Modules that are imported, and the names from them. */
  imports: { module: string; names: string[] }[];
  /** Where the parser met something that it does not know. */
  errors: number[];
}

export const newScope = (more: Partial<Scope> = {}): Scope => ({
  params: [],
  returns: [],
  bindings: new Map(),
  ...more,
});

/** Notes that a name (or `a.b`) stands for a value, beside what else it stands for. */
export function bind(bindings: Map<string, Value[]>, name: string, value: Value): void {
  const values = bindings.get(name);
  if (values === undefined) bindings.set(name, [value]);
  else if (values.length < 64) values.push(value);
}

/** `a.b.c` of a chain of members; calls in between are left out. Empty for what has no name. */
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

/** Is it the instance whose method this is? */
export const isSelf = (value: Value): boolean => value.kind === 'name' && ['this', 'self', 'cls'].includes(value.name);

/**
 * The source of a literal with each escape blanked to the same length, so that offsets stay true.
 */
export const blankEscapes = (source: string): string =>
  source.replace(/\\(\r\n|[\s\S])/g, (sequence, char: string) => {
    if (char === 'n' || char === '\n') return ' \n'; // it ends a comment in SQL
    return `'"\`\\`.includes(char) ? ` ${char}` : ' '.repeat(sequence.length);
  });

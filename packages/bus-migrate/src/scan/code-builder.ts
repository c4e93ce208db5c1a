import type { SyntaxNode, SyntaxNodeRef, Tree } from '@lezer/common';
import {
  bind,
  type Call,
  type ClassScope,
  type Code,
  isSelf,
  newScope,
  other,
  type Scope,
  type Value,
} from './code.js';

/** The syntax of a language, as the walk needs it. */
export interface Grammar {
  /**
   * Returns the value of an expression. {@link CodeBuilder.value} limits its depth and remembers
   * it.
   */
  evaluate(builder: CodeBuilder, node: SyntaxNode): Value;
  /** What to do at a node on the way down, by node name: imports, bindings, returns, parameters. */
  visit: ReadonlyMap<string, (builder: CodeBuilder, node: SyntaxNode) => void>;
  functions: ReadonlySet<string>;
  classes: ReadonlySet<string>;
  calls: ReadonlySet<string>;
}

/** Deeper expressions are skipped: hostile input must not exhaust the stack. */
const maxDepth = 100;

/** Collects the facts of a syntax tree in one walk without recursion. */
export class CodeBuilder {
  readonly code: Code;
  readonly #grammar: Grammar;
  readonly #values = new Map<string, Value>();
  readonly #functions = new Map<number, Scope>();
  readonly #classes: ClassScope[] = [];
  #scope: Scope;
  #depth = 0;

  constructor(language: Code['language'], text: string, grammar: Grammar) {
    this.#grammar = grammar;
    this.#scope = newScope();
    this.code = { language, text, calls: [], scopes: [this.#scope], imports: [], errors: [] };
  }

  get scope(): Scope {
    return this.#scope;
  }

  /** The class whose body is being read, outside its functions. */
  get owner(): ClassScope | undefined {
    return this.#classes.at(-1);
  }

  textOf(node: { from: number; to: number }): string {
    return this.code.text.slice(node.from, node.to);
  }

  read(tree: Tree): Code {
    tree.iterate({ enter: ref => this.#enter(ref), leave: ref => this.#leave(ref) });
    return this.code;
  }

  /** Returns the value of an expression. */
  value(node: SyntaxNode | null | undefined): Value {
    if (node === null || node === undefined) return other;
    const key = `${node.from}:${node.to}:${node.name}`;
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    if (this.#depth >= maxDepth) return other;
    this.#depth++;
    const value = this.#grammar.evaluate(this, node);
    this.#depth--;
    this.#values.set(key, value);
    return value;
  }

  /** Returns the value of a call, and lists the call. */
  call(node: SyntaxNode, parts: Pick<Call, 'callee' | 'args'> & { named?: Map<string, Value> }): Value {
    const call: Call = { named: new Map(), ...parts, from: node.from, to: node.to, scope: this.#scope };
    this.code.calls.push(call);
    return { kind: 'call', call };
  }

  /** Returns the scope of a function's node, created at first sight. */
  function(node: SyntaxNode): Scope {
    const known = this.#functions.get(node.from);
    if (known !== undefined) return known;
    const scope = newScope({ parent: this.#scope, owner: this.#classes.at(-1) });
    this.#functions.set(node.from, scope);
    this.code.scopes.push(scope);
    return scope;
  }

  /** Binds a value to the left side of an assignment. */
  assign(target: Value, value: Value): void {
    if (target.kind === 'name') bind(target.scope.bindings, target.name, value);
    if (target.kind !== 'member') return;
    if (isSelf(target.of)) this.assignMember(target.name, value);
    else if (target.of.kind === 'name') bind(target.of.scope.bindings, `${target.of.name}.${target.name}`, value);
  }

  /** Applies `name += value`: the value is appended to what the name stood for. */
  extend(name: string, value: Value): void {
    const values = this.#scope.bindings.get(name);
    if (values === undefined) return;
    const extended = values.map((each): Value => ({ kind: 'joined', parts: [each, value], from: 0 }));
    this.#scope.bindings.set(name, extended);
  }

  assignMember(name: string, value: Value): void {
    const owner = this.#scope.owner ?? this.owner;
    if (owner !== undefined) bind(owner.members, name, value);
  }

  import(module: string, names: string[] = []): Value {
    this.code.imports.push({ module, names });
    return { kind: 'module', module };
  }

  #enter(ref: SyntaxNodeRef): void {
    const { name } = ref;
    if (ref.type.isError) this.code.errors.push(ref.from);
    if (this.#grammar.classes.has(name)) {
      const named = ref.node.getChild('VariableDefinition') ?? ref.node.getChild('VariableName');
      this.#classes.push({ name: named === null ? '' : this.textOf(named), members: new Map() });
    }
    if (this.#grammar.functions.has(name)) this.#scope = this.function(ref.node);
    if (this.#grammar.calls.has(name)) this.value(ref.node);
    this.#grammar.visit.get(name)?.(this, ref.node);
  }

  #leave(ref: SyntaxNodeRef): void {
    if (this.#grammar.functions.has(ref.name)) this.#scope = this.function(ref.node).parent ?? this.#scope;
    if (this.#grammar.classes.has(ref.name)) this.#classes.pop();
  }
}

/** Records that a name is a class of this file. */
export function nameClass(builder: CodeBuilder, name: SyntaxNode | null): void {
  if (name !== null) bind(builder.scope.bindings, builder.textOf(name), { kind: 'class' });
}

/** Returns the children of a node, punctuation included. */
export function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) children.push(child);
  return children;
}

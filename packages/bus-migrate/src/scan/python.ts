import type { SyntaxNode } from '@lezer/common';
import { parser } from '@lezer/python';
import { bind, blankEscapes, type Code, other, type Value } from './code.js';
import { CodeBuilder, childrenOf, type Grammar, nameClass } from './code-builder.js';

/** Parses Python. */
export const readPython = (text: string): Code =>
  new CodeBuilder('python', text, grammar).read(parser.parse(parsable(text)));

/**
 * Replaces syntax that the parser does not know, keeping the length: form feeds, and an empty
 * `yield`.
 */
const parsable = (text: string): string =>
  text.replaceAll('\f', ' ').replace(/^([ \t]*)yield(?=[ \t]*(?:#.*)?$)/gm, '$1pass ');

type Evaluate = (builder: CodeBuilder, node: SyntaxNode) => Value;

const evaluators: Record<string, Evaluate> = {
  String: stringText,
  FormatString: stringText,
  ContinuedString: (builder, node) => ({
    kind: 'joined',
    parts: childrenOf(node).map(child => builder.value(child)),
    from: node.from,
  }),
  VariableName: (builder, node) => ({ kind: 'name', name: builder.textOf(node), scope: builder.scope }),
  ParenthesizedExpression: (builder, node) => builder.value(node.firstChild?.nextSibling),
  AwaitExpression: (builder, node) => builder.value(node.lastChild),
  NamedExpression: (builder, node) => builder.value(node.lastChild),
  ArrayExpression: (builder, node) => ({ kind: 'list', items: itemsOf(builder, node) }),
  TupleExpression: (builder, node) => ({ kind: 'list', items: itemsOf(builder, node) }),
  ArrayComprehensionExpression: (builder, node) => ({
    kind: 'list',
    items: [builder.value(node.firstChild?.nextSibling)],
  }),
  DictionaryExpression: (builder, node) => {
    const entries = new Map<string, Value>();
    for (const key of node.getChildren('String'))
      if (key.nextSibling?.name === ':')
        entries.set(stringOf(builder, key), builder.value(key.nextSibling.nextSibling));
    return { kind: 'object', entries };
  },
  Boolean: (builder, node) => ({ kind: 'constant', value: builder.textOf(node) === 'True' }),
  None: () => ({ kind: 'constant', value: null }),
  LambdaExpression: (builder, node) => ({ kind: 'function', scope: builder.function(node) }),
  ConditionalExpression: (builder, node) => ({
    kind: 'either',
    items: [builder.value(node.firstChild), builder.value(node.lastChild)],
  }),
  MemberExpression: (builder, node) => {
    const of = builder.value(node.firstChild);
    const last = node.lastChild;
    if (last?.name === 'PropertyName') return { kind: 'member', of, name: builder.textOf(last) };
    const key = node.getChild('String');
    return key === null ? { kind: 'element', of } : { kind: 'member', of, name: stringOf(builder, key) };
  },
  BinaryExpression: (builder, node) => {
    const [left, operator, right] = childrenOf(node);
    const sign = operator === undefined ? '' : builder.textOf(operator);
    if (sign === '%') return builder.value(left);
    const parts = [builder.value(left), builder.value(right)];
    if (sign === '+') return { kind: 'joined', parts, from: node.from };
    return sign === 'or' ? { kind: 'either', items: parts } : other;
  },
  CallExpression: call,
};

function call(builder: CodeBuilder, node: SyntaxNode): Value {
  const args: Value[] = [];
  const named = new Map<string, Value>();
  const list = node.getChild('ArgList');
  for (const child of list === null ? [] : childrenOf(list)) {
    if (punctuation.has(child.name) || child.name === 'AssignOp' || child.nextSibling?.name === 'AssignOp') continue;
    if (child.prevSibling?.name === 'AssignOp') {
      const name = child.prevSibling.prevSibling;
      if (name) named.set(builder.textOf(name), builder.value(child));
    } else if (child.prevSibling?.name !== '**') args.push(builder.value(child));
  }
  return builder.call(node, { callee: builder.value(node.firstChild), args, named });
}

/**
 * Returns the text of a literal with any prefix and quotes. Each value in an f-string is a part of
 * its own.
 */
function stringText(builder: CodeBuilder, node: SyntaxNode): Value {
  const open = /^[A-Za-z]*("""|'''|"|')/.exec(builder.textOf(node))?.[0] ?? '';
  const quotes = open.replace(/^[A-Za-z]+/, '');
  const raw = /r/i.test(open);
  const parts: Value[] = [];
  let from = node.from + open.length;
  const until = (to: number) => {
    const text = builder.textOf({ from, to });
    if (to > from) parts.push({ kind: 'text', pieces: [{ text: raw ? text : blankEscapes(text), from }] });
  };
  for (const inner of node.getChildren('FormatReplacement')) {
    until(inner.from);
    parts.push(builder.value(inner.firstChild?.nextSibling));
    from = inner.to;
  }
  until(Math.max(from, node.to - quotes.length));
  return { kind: 'joined', parts, from: node.from + open.length };
}

const stringOf = (builder: CodeBuilder, node: SyntaxNode): string =>
  builder.textOf(node).replace(/^[A-Za-z]*("""|'''|"|')([\s\S]*)\1$/, '$2');

const punctuation = new Set(['(', ')', '[', ']', '{', '}', ',', '*', '**', 'Comment']);
const itemsOf = (builder: CodeBuilder, node: SyntaxNode): Value[] =>
  childrenOf(node)
    .filter(child => !punctuation.has(child.name))
    .map(child => builder.value(child));

function assignment(builder: CodeBuilder, node: SyntaxNode): void {
  const sides: SyntaxNode[][] = [[]];
  for (const child of childrenOf(node)) {
    if (child.name === 'AssignOp') sides.push([]);
    else if (child.name === 'TypeDef') builder.assign(builder.value(node.firstChild), typed(builder, child));
    else if (child.name !== ',') sides.at(-1)?.push(child);
  }
  const values = sides.pop() ?? [];
  for (const targets of sides)
    targets.forEach((target, at) => {
      const one: Value = builder.value(values[values.length === 1 ? 0 : at]);
      const value: Value = targets.length > 1 && values.length === 1 ? { kind: 'element', of: one } : one;
      builder.assign(builder.value(target), value);
      // Assignments in a class body are members of its instances.
      if (target.name === 'VariableName' && node.parent?.parent?.name === 'ClassDefinition')
        builder.assignMember(builder.textOf(target), value);
    });
}

const typed = (builder: CodeBuilder, node: SyntaxNode): Value => ({
  kind: 'typed',
  type: builder.textOf(node).replace(/^\s*(:|->)\s*/, ''),
  scope: builder.scope,
});

function parameters(builder: CodeBuilder, node: SyntaxNode): void {
  const { scope } = builder;
  for (const child of childrenOf(node)) {
    if (child.name !== 'VariableName' || child.prevSibling?.name === 'AssignOp') continue;
    const name = builder.textOf(child);
    if (scope.owner && scope.params.length === 0 && (name === 'self' || name === 'cls')) continue;
    if (child.prevSibling?.name !== '*' && child.prevSibling?.name !== '**') scope.params.push(name);
    let after = child.nextSibling;
    if (after?.name === 'TypeDef') {
      bind(scope.bindings, name, typed(builder, after));
      after = after.nextSibling;
    }
    if (after?.name === 'AssignOp') bind(scope.bindings, name, builder.value(after.nextSibling));
  }
}

function imports(builder: CodeBuilder, node: SyntaxNode): void {
  const [first, ...rest] = childrenOf(node);
  const cut = rest.findIndex(({ name }) => name === 'import');
  const from = first?.name === 'from' ? dotted(builder, rest.slice(0, cut)) : undefined;
  const names: { path: SyntaxNode[]; local?: string }[] = [{ path: [] }];
  for (const child of from === undefined ? rest : rest.slice(cut + 1)) {
    const last = names.at(-1);
    if (child.name === ',') names.push({ path: [] });
    else if (child.prevSibling?.name === 'as' && last) last.local = builder.textOf(child);
    else if (child.name === 'VariableName' || child.name === '.') last?.path.push(child);
  }
  const paths = names
    .map(({ path, local }) => ({ name: dotted(builder, path), local }))
    .filter(({ name }) => name !== '');
  if (from !== undefined) {
    const of = builder.import(
      from,
      paths.map(({ name }) => name),
    );
    for (const { name, local } of paths) bind(builder.scope.bindings, local ?? name, { kind: 'member', of, name });
    return;
  }
  for (const { name, local } of paths) {
    const module = builder.import(name);
    const root = name.split('.')[0] ?? name;
    bind(builder.scope.bindings, local ?? root, local === undefined ? { kind: 'module', module: root } : module);
  }
}

const dotted = (builder: CodeBuilder, nodes: readonly SyntaxNode[]): string =>
  nodes.map(node => builder.textOf(node)).join('');

function nameFunction(builder: CodeBuilder, node: SyntaxNode): void {
  const { scope } = builder;
  const name = node.getChild('VariableName');
  if (name === null) return;
  const around = node.parent?.name === 'DecoratedStatement' ? node.parent.parent : node.parent;
  const method = around?.parent?.name === 'ClassDefinition';
  const bindings = method && scope.owner ? scope.owner.members : (scope.parent ?? scope).bindings;
  bind(bindings, builder.textOf(name), { kind: 'function', scope });
}

/** `with A as a, B as b` */
function withStatement(builder: CodeBuilder, node: SyntaxNode): void {
  for (const child of childrenOf(node)) {
    const name = child.name === 'as' ? child.nextSibling : null;
    if (name && child.prevSibling) builder.assign(builder.value(name), builder.value(child.prevSibling));
  }
}

function forStatement(builder: CodeBuilder, node: SyntaxNode): void {
  const list = node.getChild('in')?.nextSibling;
  const target = node.getChild('for')?.nextSibling;
  if (list && target) builder.assign(builder.value(target), { kind: 'element', of: builder.value(list) });
}

const grammar: Grammar = {
  evaluate: (builder, node) => evaluators[node.name]?.(builder, node) ?? other,
  functions: new Set(['FunctionDefinition', 'LambdaExpression']),
  classes: new Set(['ClassDefinition']),
  calls: new Set(['CallExpression']),
  visit: new Map<string, (builder: CodeBuilder, node: SyntaxNode) => void>([
    ['ImportStatement', imports],
    ['ClassDefinition', (builder, node) => nameClass(builder, node.getChild('VariableName'))],
    [
      'UpdateStatement',
      (builder, node) => {
        const name = node.firstChild;
        if (name?.name === 'VariableName' && builder.textOf(name.nextSibling ?? name) === '+=')
          builder.extend(builder.textOf(name), builder.value(node.lastChild));
      },
    ],
    ['AssignStatement', assignment],
    [
      'NamedExpression',
      (builder, node) => builder.assign(builder.value(node.firstChild), builder.value(node.lastChild)),
    ],
    ['FunctionDefinition', nameFunction],
    ['ParamList', parameters],
    ['WithStatement', withStatement],
    ['ForStatement', forStatement],
    ['ArrayComprehensionExpression', forStatement],
    ['ReturnStatement', (builder, node) => builder.scope.returns.push(builder.value(node.firstChild?.nextSibling))],
    ['YieldStatement', (builder, node) => builder.scope.returns.push(builder.value(node.firstChild?.nextSibling))],
  ]),
};

import type { SyntaxNode } from '@lezer/common';
import { parser } from '@lezer/javascript';
import { bind, blankEscapes, type Code, other, type Scope, type Value } from './code.js';
import { CodeBuilder, childrenOf, type Grammar, nameClass } from './code-builder.js';

/**
 * Parses TypeScript or JavaScript. `.ts` files have no JSX, because `<T>x` is a type assertion
 * there.
 */
export function readJavaScript(text: string, extension: string): Code {
  const typed = /^\.[mc]?tsx?$/.test(extension);
  const jsx = !typed || extension === '.tsx';
  const dialect = [...(typed ? ['ts'] : []), ...(jsx ? ['jsx'] : [])].join(' ');
  return new CodeBuilder('javascript', text, grammar).read(parser.configure({ dialect }).parse(parsable(text)));
}

/**
 * Blanks TypeScript syntax that the parser does not know, keeping the length: type predicates, and
 * `type` in a list of exports.
 */
const parsable = (text: string): string =>
  text.replace(
    /(?<=\)\s{0,9}:\s{0,9})(?:asserts\s+)?[\w$]+\s+is\s|(?<=\bexport\s*\{[^{}'"]{0,2000})\btype(?=\s+[\w$]+\s*(?:[,}]|as\b))/g,
    found => ' '.repeat(found.length),
  );

type Evaluate = (builder: CodeBuilder, node: SyntaxNode) => Value;

const firstOf: Evaluate = (builder, node) => builder.value(node.firstChild);

const evaluators: Record<string, Evaluate> = {
  String: (builder, { from, to }) => ({
    kind: 'text',
    pieces: [{ text: blankEscapes(builder.textOf({ from: from + 1, to: to - 1 })), from: from + 1 }],
  }),
  TemplateString: templateText,
  VariableName: (builder, node) => ({ kind: 'name', name: builder.textOf(node), scope: builder.scope }),
  this: builder => ({ kind: 'name', name: 'this', scope: builder.scope }),
  ParenthesizedExpression: (builder, node) => builder.value(node.firstChild?.nextSibling),
  AwaitExpression: (builder, node) => builder.value(node.lastChild),
  PostfixExpression: firstOf,
  InstantiationExpression: firstOf,
  AssignmentExpression: (builder, node) => builder.value(node.lastChild),
  ArrayExpression: (builder, node) => ({ kind: 'list', items: itemsOf(builder, node) }),
  ObjectExpression: objectEntries,
  BooleanLiteral: (builder, node) => ({ kind: 'constant', value: builder.textOf(node) === 'true' }),
  null: () => ({ kind: 'constant', value: null }),
  ArrowFunction: (builder, node) => ({ kind: 'function', scope: builder.function(node) }),
  FunctionExpression: (builder, node) => ({ kind: 'function', scope: builder.function(node) }),
  MemberExpression: member,
  ConditionalExpression: (builder, node) => {
    const [yes, no] = childrenOf(node)
      .filter(child => child.name !== 'LogicOp')
      .slice(1);
    return { kind: 'either', items: [builder.value(yes), builder.value(no)] };
  },
  BinaryExpression: binary,
  CallExpression: call,
  NewExpression: call,
  TaggedTemplateExpression: (builder, node) =>
    builder.call(node, { callee: builder.value(node.firstChild), args: [builder.value(node.lastChild)] }),
  DynamicImport: (builder, node) => {
    const name = node.getChild('String');
    return name === null ? other : builder.import(stringOf(builder, name));
  },
};

function call(builder: CodeBuilder, node: SyntaxNode): Value {
  const callee = node.name === 'NewExpression' ? node.firstChild?.nextSibling : node.firstChild;
  const list = node.getChild('ArgList');
  const args = list === null ? [] : itemsOf(builder, list);
  const module = list?.getChild('String');
  if (callee?.name === 'VariableName' && builder.textOf(callee) === 'require' && module)
    return builder.import(stringOf(builder, module));
  return builder.call(node, { callee: builder.value(callee), args });
}

function member(builder: CodeBuilder, node: SyntaxNode): Value {
  const of = builder.value(node.firstChild);
  const last = node.lastChild;
  if (last?.name === 'PropertyName' || last?.name === 'PrivatePropertyName')
    return { kind: 'member', of, name: builder.textOf(last) };
  const key = node.getChild('String');
  return key === null ? { kind: 'element', of } : { kind: 'member', of, name: stringOf(builder, key) };
}

function binary(builder: CodeBuilder, node: SyntaxNode): Value {
  const [left, operator, right] = childrenOf(node);
  const sign = operator === undefined ? '' : builder.textOf(operator);
  if (sign === 'as' || sign === 'satisfies') return builder.value(left);
  const parts = [builder.value(left), builder.value(right)];
  if (sign === '+') return { kind: 'joined', parts, from: node.from };
  return sign === '??' || sign === '||' ? { kind: 'either', items: parts } : other;
}

function templateText(builder: CodeBuilder, node: SyntaxNode): Value {
  const parts: Value[] = [];
  let from = node.from + 1;
  const until = (to: number) => {
    if (to > from) parts.push({ kind: 'text', pieces: [{ text: blankEscapes(builder.textOf({ from, to })), from }] });
  };
  for (const inner of node.getChildren('Interpolation')) {
    until(inner.from);
    parts.push(builder.value(inner.firstChild?.nextSibling));
    from = inner.to;
  }
  until(node.to - 1);
  return { kind: 'joined', parts, from: node.from + 1 };
}

function objectEntries(builder: CodeBuilder, node: SyntaxNode): Value {
  const entries = new Map<string, Value>();
  for (const property of node.getChildren('Property')) {
    const key = property.firstChild;
    if (key === null || (key.name !== 'PropertyDefinition' && key.name !== 'String')) continue;
    const name = key.name === 'String' ? stringOf(builder, key) : builder.textOf(key);
    const short: Value = { kind: 'name', name, scope: builder.scope };
    const method = property.getChild('ParamList') !== null;
    if (!method) entries.set(name, property.lastChild?.from === key.from ? short : builder.value(property.lastChild));
  }
  return { kind: 'object', entries };
}

const punctuation = new Set(['(', ')', '[', ']', ',', 'LineComment', 'BlockComment', 'Spread']);
const itemsOf = (builder: CodeBuilder, node: SyntaxNode): Value[] =>
  childrenOf(node)
    .filter(child => !punctuation.has(child.name))
    .map(child => builder.value(child));

const stringOf = (builder: CodeBuilder, node: SyntaxNode): string => builder.textOf(node).slice(1, -1);

/** Binds a name or a pattern to a value. */
function bindPattern(builder: CodeBuilder, pattern: SyntaxNode, value: Value, scope: Scope): void {
  if (pattern.name === 'VariableDefinition') bind(scope.bindings, builder.textOf(pattern), value);
  for (const property of pattern.name === 'ObjectPattern' ? pattern.getChildren('PatternProperty') : []) {
    const key = property.firstChild;
    const local = property.getChild('VariableDefinition');
    if (key !== null && local !== null)
      bind(scope.bindings, builder.textOf(local), { kind: 'member', of: value, name: builder.textOf(key) });
  }
  for (const item of pattern.name === 'ArrayPattern' ? pattern.getChildren('VariableDefinition') : [])
    bind(scope.bindings, builder.textOf(item), { kind: 'element', of: value });
}

function declarations(builder: CodeBuilder, node: SyntaxNode): void {
  let pattern: SyntaxNode | undefined;
  for (const child of childrenOf(node)) {
    if (/^(VariableDefinition|ObjectPattern|ArrayPattern)$/.test(child.name)) pattern = child;
    else if (pattern && child.name === 'TypeAnnotation')
      bindPattern(builder, pattern, typed(builder, child), builder.scope);
    else if (pattern && child.prevSibling?.name === 'Equals')
      bindPattern(builder, pattern, builder.value(child), builder.scope);
  }
}

const typed = (builder: CodeBuilder, node: SyntaxNode): Value => ({
  kind: 'typed',
  type: builder.textOf(node).replace(/^\s*:\s*/, ''),
  scope: builder.scope,
});

function parameters(builder: CodeBuilder, node: SyntaxNode): void {
  const { scope } = builder;
  let pattern: SyntaxNode | undefined;
  let property = false;
  const say = (value: Value) => {
    if (pattern === undefined) return;
    bindPattern(builder, pattern, value, scope);
    if (property) builder.assignMember(builder.textOf(pattern), value);
  };
  for (const child of childrenOf(node)) {
    if (child.name === 'Privacy' || child.name === 'readonly') property = true;
    if (child.name === ',') property = false;
    if (/^(VariableDefinition|ObjectPattern|ArrayPattern)$/.test(child.name)) {
      pattern = child;
      scope.params.push(child.name === 'VariableDefinition' ? builder.textOf(child) : '');
      if (property) builder.assignMember(builder.textOf(child), { kind: 'name', name: builder.textOf(child), scope });
    } else if (child.name === 'TypeAnnotation') say(typed(builder, child));
    else if (child.prevSibling?.name === 'Equals') say(builder.value(child));
  }
}

function imports(builder: CodeBuilder, node: SyntaxNode): void {
  const from = node.getChild('String');
  if (from === null) return;
  const group = node.getChild('ImportGroup');
  const named = group === null ? [] : childrenOf(group).filter(({ name }) => /^Variable(Name|Definition)$/.test(name));
  const module = builder.import(
    stringOf(builder, from),
    named.map(each => builder.textOf(each)),
  );
  const whole = node.getChild('VariableDefinition');
  if (whole !== null) bind(builder.scope.bindings, builder.textOf(whole), module);
  for (const local of named.filter(({ name }) => name === 'VariableDefinition')) {
    const original = local.prevSibling?.name === 'as' ? (local.prevSibling.prevSibling ?? local) : local;
    bind(builder.scope.bindings, builder.textOf(local), { kind: 'member', of: module, name: builder.textOf(original) });
  }
}

function nameFunction(builder: CodeBuilder, node: SyntaxNode): void {
  const { scope } = builder;
  const value: Value = { kind: 'function', scope };
  const name = node.getChild('VariableDefinition');
  const method = node.getChild('PropertyDefinition') ?? node.getChild('PrivatePropertyDefinition');
  if (name !== null) bind((scope.parent ?? scope).bindings, builder.textOf(name), value);
  if (method !== null && scope.owner) bind(scope.owner.members, builder.textOf(method), value);
}

const grammar: Grammar = {
  evaluate: (builder, node) => evaluators[node.name]?.(builder, node) ?? other,
  functions: new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunction', 'MethodDeclaration']),
  classes: new Set(['ClassDeclaration', 'ClassExpression']),
  calls: new Set(['CallExpression', 'NewExpression', 'TaggedTemplateExpression', 'DynamicImport']),
  visit: new Map<string, (builder: CodeBuilder, node: SyntaxNode) => void>([
    ['ImportDeclaration', imports],
    ['ClassDeclaration', (builder, node) => nameClass(builder, node.getChild('VariableDefinition'))],
    ['VariableDeclaration', declarations],
    ['FunctionDeclaration', nameFunction],
    ['MethodDeclaration', nameFunction],
    ['ParamList', parameters],
    ['ReturnStatement', (builder, node) => builder.scope.returns.push(builder.value(node.firstChild?.nextSibling))],
    [
      'ArrowFunction',
      (builder, node) => {
        if (node.lastChild?.name !== 'Block') builder.scope.returns.push(builder.value(node.lastChild));
      },
    ],
    [
      'AssignmentExpression',
      (builder, node) => {
        const operator = node.getChild('UpdateOp');
        if (operator === null) builder.assign(builder.value(node.firstChild), builder.value(node.lastChild));
        else if (node.firstChild?.name === 'VariableName' && builder.textOf(operator) === '+=')
          builder.extend(builder.textOf(node.firstChild), builder.value(node.lastChild));
      },
    ],
    [
      'ForOfSpec',
      (builder, node) => {
        const pattern = node.getChild('VariableDefinition') ?? node.getChild('ObjectPattern');
        const list = node.getChild('of')?.nextSibling;
        if (pattern && list) bindPattern(builder, pattern, { kind: 'element', of: builder.value(list) }, builder.scope);
      },
    ],
    [
      'PropertyDeclaration',
      (builder, node) => {
        const name = node.getChild('PropertyDefinition') ?? node.getChild('PrivatePropertyDefinition');
        const type = node.getChild('TypeAnnotation');
        const value = node.getChild('Equals')?.nextSibling;
        if (name && type) builder.assignMember(builder.textOf(name), typed(builder, type));
        if (name && value) builder.assignMember(builder.textOf(name), builder.value(value));
      },
    ],
  ]),
};

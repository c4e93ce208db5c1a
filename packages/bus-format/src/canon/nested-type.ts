/** A DuckDB type, split into the types nested in it. */
export type NestedType =
  | { kind: 'plain'; text: string }
  | { kind: 'list'; of: NestedType }
  | { kind: 'map'; key: NestedType; value: NestedType }
  | { kind: 'struct'; fields: readonly { name: string; type: NestedType }[] };

/**
 * Parses a type as a footer or DuckDB writes it: `STRUCT("a" BIGINT, "b" VARCHAR[])[]`. Any other
 * text is a plain type.
 */
export function parseNested(text: string): NestedType {
  if (text.endsWith('[]')) return { kind: 'list', of: parseNested(text.slice(0, -2)) };
  const inside = /^(MAP|STRUCT)\((.*)\)$/s.exec(text);
  const parts = inside === null ? [] : splitAtCommas(inside[2] as string);
  if (inside?.[1] === 'MAP' && parts.length === 2) {
    const [key, value] = parts.map(parseNested) as [NestedType, NestedType];
    return { kind: 'map', key, value };
  }
  const fields = parts.map(part => /^"((?:[^"]|"")*)" (.+)$/s.exec(part));
  if (inside?.[1] !== 'STRUCT' || fields.includes(null)) return { kind: 'plain', text };
  return {
    kind: 'struct',
    fields: (fields as RegExpExecArray[]).map(([, name = '', type = '']) => ({ name, type: parseNested(type) })),
  };
}

/** Formats a type as {@link parseNested} reads it. */
export function nestedText(type: NestedType): string {
  switch (type.kind) {
    case 'plain':
      return type.text;
    case 'list':
      return `${nestedText(type.of)}[]`;
    case 'map':
      return `MAP(${nestedText(type.key)}, ${nestedText(type.value)})`;
    case 'struct':
      return `STRUCT(${type.fields.map(field => `"${field.name}" ${nestedText(field.type)}`).join(', ')})`;
  }
}

/** Splits text at commas outside parentheses and quotes. */
function splitAtCommas(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let begin = 0;
  for (const { 0: token, index } of text.matchAll(/"(?:[^"]|"")*"|'(?:[^']|'')*'|[(),]/g)) {
    if (token === '(') depth++;
    else if (token === ')') depth--;
    else if (token === ',' && depth === 0) {
      parts.push(text.slice(begin, index).trim());
      begin = index + 1;
    }
  }
  return [...parts, text.slice(begin).trim()];
}

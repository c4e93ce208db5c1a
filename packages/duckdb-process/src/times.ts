import { type DeclaredColumn, identifier, literal } from '@quantbot/bus-format';
import { type NestedType, parseNested } from '@quantbot/bus-format/canon';

/**
 * SQL that holds for a row in which a column has a time of day below 00:00:00 or above 24:00:00;
 * undefined for a column without times.
 */
export const timeOutsideDay = ({ name, type }: DeclaredColumn): string | undefined =>
  /\bTIME(_NS)?\b/.test(type) ? outsideDay(parseNested(type), identifier(name), 0) : undefined;

/**
 * DuckDB reads such a time, as some writers make it, and has no text of it: a client that asks for
 * it fails.
 */
function outsideDay(type: NestedType, value: string, depth: number): string | undefined {
  switch (type.kind) {
    case 'plain':
      if (type.text !== 'TIME' && type.text !== 'TIME_NS') return undefined;
      return `${value} NOT BETWEEN CAST('00:00:00' AS ${type.text}) AND CAST('24:00:00' AS ${type.text})`;
    case 'list':
      return inList(type.of, value, depth);
    case 'map':
      return anyOf([inList(type.key, `map_keys(${value})`, depth), inList(type.value, `map_values(${value})`, depth)]);
    case 'struct':
      return anyOf(
        type.fields.map(field =>
          outsideDay(field.type, `struct_extract(${value}, ${literal(field.name.replaceAll('""', '"'))})`, depth),
        ),
      );
  }
}

function inList(of: NestedType, list: string, depth: number): string | undefined {
  const item = `_v${depth}`;
  const condition = outsideDay(of, item, depth + 1);
  return condition && `len(list_filter(${list}, lambda ${item}: ${condition})) > 0`;
}

function anyOf(conditions: readonly (string | undefined)[]): string | undefined {
  const some = conditions.filter(condition => condition !== undefined);
  return some.length === 0 ? undefined : `(${some.join(' OR ')})`;
}

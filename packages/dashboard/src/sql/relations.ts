import type { SQLNamespace } from '@codemirror/lang-sql';
import type { Answer } from '../client.js';

/** A view that queries can name: `canon.trades`, with its columns. */
export interface Relation {
  schema: string;
  name: string;
  columns: { name: string; type: string }[];
}

/** Lists the columns of all views that queries can name. */
export const columnsQuery = `SELECT table_schema, table_name, column_name, data_type
FROM information_schema.columns WHERE table_schema IN ('canon', 'catalog')
ORDER BY table_schema, table_name, ordinal_position`;

/** Groups the answer of {@link columnsQuery} by view. */
export function relationsOf({ rows }: Pick<Answer, 'rows'>): Relation[] {
  const relations = new Map<string, Relation>();
  for (const [schema, name, column, type] of rows as string[][]) {
    if (schema === undefined || name === undefined || column === undefined || type === undefined) continue;
    const key = `${schema}.${name}`;
    const relation = relations.get(key) ?? { schema, name, columns: [] };
    relations.set(key, relation);
    relation.columns.push({ name: column, type });
  }
  return [...relations.values()];
}

/** The name of a column or view as SQL needs it: quoted, unless it is a plain word. */
export const quotedName = (name: string): string =>
  /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;

/** The views as the editor completes them. */
export function schemaOf(relations: readonly Relation[]): SQLNamespace {
  const schemas: Record<string, Record<string, SQLNamespace>> = {};
  for (const { schema, name, columns } of relations) {
    schemas[schema] ??= {};
    schemas[schema][escaped(name)] = columns.map(column => ({
      label: column.name,
      apply: quotedName(column.name),
      detail: column.type,
      type: 'property',
    }));
  }
  return schemas;
}

/** A dot in the name of a view is no separator. */
const escaped = (name: string) => name.replaceAll('\\', '\\\\').replaceAll('.', '\\.');

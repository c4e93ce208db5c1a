import { identifier } from '../sql.js';

/**
 * The comment that marks the views of the configuration, so that foreign views can be recognised.
 */
export const configuredViewComment = 'publish.views of bus_config.json';

/** Splits `schema.view` into its two parts. The view's own name may contain further dots. */
export function splitViewName(name: string): [schema: string, view: string] {
  const dot = name.indexOf('.');
  return [name.slice(0, dot), name.slice(dot + 1)];
}

/** Returns the statements that create a view. */
export function viewStatements({ name, sql }: { name: string; sql: string }): [schema: string, view: string] {
  const [schema, view] = splitViewName(name);
  return [
    `CREATE SCHEMA IF NOT EXISTS ${identifier(schema)}`,
    `CREATE VIEW ${identifier(schema)}.${identifier(view)} AS ${sql}\n`,
  ];
}

import { identifier } from '../sql.js';

/**
 * By this comment a database's own views and those of the configuration are told from what somebody
 * else has put there.
 */
export const configuredViewComment = 'publish.views of bus_config.json';

/** `schema.view` in its two parts; the view's own name may have further dots. */
export function splitViewName(name: string): [schema: string, view: string] {
  const dot = name.indexOf('.');
  return [name.slice(0, dot), name.slice(dot + 1)];
}

/** The statements that make a view. */
export function viewStatements({ name, sql }: { name: string; sql: string }): [schema: string, view: string] {
  const [schema, view] = splitViewName(name);
  return [
    `CREATE SCHEMA IF NOT EXISTS ${identifier(schema)}`,
    `CREATE VIEW ${identifier(schema)}.${identifier(view)} AS ${sql}\n`,
  ];
}

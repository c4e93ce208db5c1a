import { isDeepStrictEqual } from 'node:util';
import { busError } from '@quantbot/infra/bus';
import type { DeclaredTable } from '@quantbot/infra/config';
import type { TableNames } from '../journal/table-names.js';
import type { TableStart } from './table.js';

/** Rules for tables that the configuration declares and that operations have changed. */

/** Returns the first name of a declared table. A renamed one is declared by its new name. */
export function declaredFirst(name: string, names: TableNames): string {
  const first = names.tableNamed(name);
  if (first !== undefined) return first;
  const now = names.nameOf(names.tableOf(`canon.${name}`) ?? '');
  throw busError('CONFIG_INVALID', `canon.tables.${name} declares a table that was renamed to canon.${now}.`, {
    hint: `Declare canon.tables.${now}, or remove the declaration and run \`quantbot-bus table rename ${now} ${name}\`.`,
  });
}

/**
 * A table has one mode, and a column one type, whether the configuration declares it or an
 * operation has set it.
 */
export function mustAgree({ name, mode, key, orderBy, columns }: DeclaredTable, start: TableStart | undefined): void {
  const types = new Map(start?.types?.map(column => [column.name, column.type]));
  const others = columns.filter(column => (types.get(column.name) ?? column.type) !== column.type);
  if (others.length > 0)
    throw busError('CONFIG_INVALID', `canon.tables.${name} declares another type than an operation has set.`, {
      details: others.map(column => `${column.name}: declared ${column.type}, set ${types.get(column.name)}`),
      hint: 'Declare the type that was set. Or remove the declaration, and set the type with `quantbot-bus table retype`.',
    });
  if (start?.mode === undefined) return;
  const set = { mode: start.mode, key: start.key ?? [], orderBy: start.orderBy ?? [] };
  if (isDeepStrictEqual(set, { mode, key, orderBy })) return;
  throw busError('CONFIG_INVALID', `canon.tables.${name} declares another mode or key than an operation has set.`, {
    details: [`declared: ${JSON.stringify({ mode, key, orderBy })}`, `set: ${JSON.stringify(set)}`],
    hint: 'Declare what was set. Or remove the declaration, and set the mode with `quantbot-bus table set-mode`.',
  });
}

import type { DeclaredTable } from '@quantbot/infra/config';
import { expect, test } from 'vitest';
import { TableNames } from '../journal/table-names.js';
import type { JournalledTableOperation } from '../journal/table-operations.js';
import { TableRegistry } from './registry.js';
import { foundTable, lacksRowsAfter, tableStarts } from './table-starts.js';

const operation = (
  seq: number,
  type: JournalledTableOperation['type'],
  table: string,
  generation: number,
): JournalledTableOperation => ({ seq, type, table, before: null, generation });

const artifact = (seq: number, type: string) => ({
  seq,
  schemaHint: 'canon.t',
  artifactKey: `r${seq}/p/k/a`,
  columns: [{ name: 'x', type, nullable: true }],
});

test('a drop moves the start of its table, a restore takes it back, and each has its own generation', () => {
  const drop = operation(5, 'table_drop', 't', 2);
  expect(tableStarts([drop])).toEqual(new Map([['t', { after: 5, generation: 2 }]]));
  const other = operation(6, 'table_drop', 'u', 1);
  expect(tableStarts([drop, other]).get('u')).toEqual({ after: 6, generation: 1 });
  expect(tableStarts([drop, other, operation(7, 'table_restore', 't', 4)]).get('t')).toEqual({ generation: 4 });
});

test('a mode that was set stays behind at a drop, and comes back with a restore', () => {
  const keyed = { mode: 'upsert' as const, key: ['x'], orderBy: ['y'] };
  const set = { ...operation(3, 'table_set_mode', 't', 1), mode: keyed.mode, key: keyed.key, order_by: keyed.orderBy };
  const startOf = (...later: JournalledTableOperation[]) => tableStarts([set, ...later]).get('t');
  expect(startOf()).toEqual({ generation: 1, ...keyed });
  const drop = operation(5, 'table_drop', 't', 2);
  expect(startOf(drop)).toEqual({ after: 5, generation: 2 });
  expect(startOf(drop, operation(6, 'table_restore', 't', 3))).toEqual({ generation: 3, ...keyed });
  const latest = { ...operation(6, 'table_set_mode', 't', 3), mode: 'latest' as const, key: [], order_by: [] };
  const set2 = { mode: 'latest', key: [], orderBy: [] };
  expect(startOf(drop, latest)).toEqual({ after: 5, generation: 3, ...set2 });
  expect(startOf(drop, latest, operation(7, 'table_restore', 't', 4))).toEqual({ generation: 4, ...set2 });
  expect(startOf(operation(4, 'table_drop', 'u', 1))).toEqual({ generation: 1, ...keyed });
  // The table that came after the drop has no mode that was set.
  const retype = { ...operation(7, 'table_retype', 't', 4), column: 'x', column_type: 'BIGINT' };
  const types = [{ name: 'x', type: 'BIGINT', was: [] }];
  expect(startOf(drop, retype)).toEqual({ after: 5, generation: 4, types });
  expect(startOf(drop, retype, operation(8, 'table_restore', 't', 5))).toEqual({ generation: 5, ...keyed, types });
});

test('a table with a key that was set asks each file for it, and a declaration must agree', () => {
  const start = { generation: 1, mode: 'upsert' as const, key: ['x'], orderBy: [] };
  const replay = (declared: DeclaredTable[] = []) =>
    TableRegistry.replay([artifact(1, 'VARCHAR')], declared, { starts: new Map([['t', start]]) });
  const registry = replay();
  expect(registry.get('t')).toMatchObject({ mode: 'upsert', key: ['x'], columns: [{ name: 'x', required: true }] });
  expect(registry.draft().required('t')).toEqual(['x']);
  const other = { ...artifact(2, 'VARCHAR'), columns: [{ name: 'y', type: 'DATE', nullable: true }] };
  expect(() => registry.draft().apply(other)).toThrow(/lacks this column.*table set-key/);
  const declared = { name: 't', mode: 'upsert' as const, key: ['x'], orderBy: [], columns: [] };
  expect(replay([declared]).get('t')).toEqual(registry.get('t'));
  expect(() => replay([{ ...declared, mode: 'append', key: [] }])).toThrow(/another mode or key/);
});

test('only a mode that is set on a table with all its rows lets readers see the table at once', () => {
  const found = (mode: string) => ({ mode, key: [], orderBy: [], columns: [], after: 0 });
  expect(lacksRowsAfter({ type: 'table_set_mode', before: found('append') })).toBe(false);
  for (const mode of ['latest', 'upsert', 'of a newer version'])
    expect(lacksRowsAfter({ type: 'table_set_mode', before: found(mode) })).toBe(true);
  expect(lacksRowsAfter({ type: 'table_restore', before: null })).toBe(true);
});

test('a table after a drop has only the columns of its own artifacts, in files of a new generation', () => {
  const registry = TableRegistry.replay([artifact(1, 'DECIMAL(5,2)'), artifact(2, 'DECIMAL(9,4)')]);
  expect(registry.get('t')).toMatchObject({ generation: 1 });
  registry.replace('t', { after: 3, generation: 2 });
  expect(registry.get('t')).toBeUndefined();
  expect(registry.tables()).toEqual([]);
  expect(registry.lastSeq('t')).toBe(0);
  const draft = registry.draft();
  draft.apply(artifact(4, 'VARCHAR'));
  expect(registry.get('t')).toBeUndefined();
  registry.adopt(draft);
  const table = registry.get('t');
  expect(table).toMatchObject({ generation: 2, after: 3, columns: [{ name: 'x', type: 'VARCHAR' }] });
  expect(table && foundTable(table)).toMatchObject({ after: 3, mode: 'append' });
  const replayed = TableRegistry.replay([artifact(4, 'VARCHAR')], [], {
    starts: new Map([['t', { after: 3, generation: 2 }]]),
  });
  expect(replayed.tables()).toEqual(registry.tables());
});

test('a held table is not shown, but artifacts are decided by it', () => {
  const registry = TableRegistry.replay([artifact(1, 'VARCHAR')]);
  const before = registry.tables();
  registry.hold('t');
  expect(registry.tables()).toEqual([]);
  expect(registry.get('t')).toBe(before[0]);
  expect(() => registry.draft().apply(artifact(2, 'BLOB'))).toThrow(/does not fit/);
  registry.release('t');
  expect(registry.tables()).toEqual(before);
});

test('a rename moves no start, and a table is declared by its new name', () => {
  const drop = operation(5, 'table_drop', 't', 2);
  const rename = { ...operation(6, 'table_rename', 't', 2), to: 'u' };
  expect(tableStarts([rename])).toEqual(new Map());
  expect(tableStarts([drop, rename])).toEqual(tableStarts([drop]));
  expect(lacksRowsAfter(rename)).toBe(false);
  const names = TableNames.none.with({ seq: 2, name: 'u', table: 't' });
  const declared = {
    name: 'u',
    mode: 'append' as const,
    key: [],
    orderBy: [],
    columns: [{ name: 'x', type: 'VARCHAR', notNull: true }],
  };
  const replay = (...tables: DeclaredTable[]) => TableRegistry.replay([artifact(1, 'VARCHAR')], tables, { names });
  expect(replay().tables()).toMatchObject([{ name: 't', shownAs: 'u', columns: [{ fixedBy: 'r1/p/k/a' }] }]);
  expect(replay(declared).tables()).toMatchObject([
    { name: 't', shownAs: 'u', columns: [{ fixedBy: 'bus_config.json' }] },
  ]);
  expect(replay(declared).required('t')).toEqual(['x']);
  expect(() => replay({ ...declared, name: 't' })).toThrow(
    /canon\.tables\.t declares a table that was renamed to canon\.u/,
  );
});

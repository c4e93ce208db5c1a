import { expect, test } from 'vitest';
import type { JournalledTableOperation } from '../journal/table-operations.js';
import { TableRegistry } from './registry.js';
import { foundTable, tableStarts } from './table-starts.js';

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
  const replayed = TableRegistry.replay([artifact(4, 'VARCHAR')], [], new Map([['t', { after: 3, generation: 2 }]]));
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

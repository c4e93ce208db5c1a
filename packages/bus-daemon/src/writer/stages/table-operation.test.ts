import { TableRegistry, type TableStart } from '@quantbot/bus-format/canon';
import { expect, test } from 'vitest';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import type { DecidingBus } from '../bus.js';
import { decideTable, takeOver } from './table-operation.js';

const drop = { type: 'table_drop' as const, table: 't', reason: null, by: null };
const restore = { ...drop, type: 'table_restore' as const };

/** A bus whose table `t` has one artifact. */
async function busWithTable() {
  const { bus } = await openInProcess();
  const artifact = { seq: 1, schemaHint: 'canon.t', artifactKey: 'r/p/k/a', columns: [column('VARCHAR')] };
  bus.tables.apply(artifact);
  const replay = async (_: string, start: TableStart) => TableRegistry.replay([artifact], [], new Map([['t', start]]));
  return { bus, deciding: { ...bus, tableFacts: { replay, forgotten: async () => [] } } satisfies DecidingBus };
}

const column = (type: string) => ({ name: 'x', type, nullable: true });

test('a bus that says nothing about its tables, as one on many machines, refuses to change them', async () => {
  const { bus } = await busWithTable();
  const refused = decideTable({ ...bus, tableFacts: undefined }, drop);
  await expect(refused).rejects.toMatchObject({ code: 'OPERATION_INVALID' });
});

test('only a table that is there can be dropped, and only one that was dropped restored, once', async () => {
  const { bus, deciding } = await busWithTable();
  await expect(decideTable(deciding, { ...drop, table: 'u' })).rejects.toThrow(/no table canon\.u/);
  await expect(decideTable(deciding, restore)).rejects.toThrow(/was not dropped/);
  const dropped = await decideTable(deciding, drop);
  expect(dropped).toMatchObject({ before: { after: 0, columns: [{ name: 'x' }] }, start: { generation: 1 } });
  takeOver(bus, dropped, 2);
  expect(bus.tables.get('t')).toBeUndefined();
  expect([...bus.tables.held]).toEqual(['t']);
  expect(bus.journal.lastTurn).toBe(2);
  await expect(decideTable(deciding, drop)).rejects.toThrow(/no table canon\.t/);

  const restored = await decideTable(deciding, restore);
  expect(restored).toMatchObject({ before: null, start: { generation: 2 } });
  takeOver(bus, restored, 3);
  expect(bus.tables.get('t')).toMatchObject({ generation: 2, columns: [{ name: 'x', type: 'VARCHAR' }] });
  await expect(decideTable(deciding, restore)).rejects.toThrow(/was not dropped/);
});

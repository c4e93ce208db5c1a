import { TableRegistry, type TableStart } from '@quantbot/bus-format/canon';
import { emptyRow, type JournalRow } from '@quantbot/bus-format/journal';
import type { TableOperation } from '@quantbot/infra';
import { expect, test } from 'vitest';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import type { DecidingBus } from '../bus.js';
import { decideTable, takeOver } from './table-operation.js';

const drop = { type: 'table_drop' as const, table: 't', reason: null, by: null };
const restore = { ...drop, type: 'table_restore' as const };

/** A bus whose table `t` has one artifact. */
async function busWithTable(type = 'VARCHAR') {
  const { bus } = await openInProcess();
  const artifact = { seq: 1, schemaHint: 'canon.t', artifactKey: 'r/p/k/a', columns: [column(type)] };
  bus.tables.apply(artifact);
  const replay = async (_: string, start: TableStart) =>
    TableRegistry.replay([artifact], [], { starts: new Map([['t', start]]) });
  const facts = {
    replay,
    forgotten: async () => [],
    operations: async () => [],
    withoutKey: async () => undefined,
    misfit: async () => undefined,
  };
  return { bus, deciding: { ...bus, tableFacts: facts } satisfies DecidingBus };
}

const column = (type: string) => ({ name: 'x', type, nullable: true });

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

type SetMode = Extract<TableOperation, { type: 'table_set_mode' }>;

const setMode: SetMode = { ...drop, type: 'table_set_mode', mode: 'upsert', key: ['x'], order_by: [] };

test('a mode is set once, with a key only if it needs one, and never against the configuration', async () => {
  const { bus, deciding } = await busWithTable();
  const refusal = (op: Partial<SetMode>, on: Parameters<typeof decideTable>[0] = deciding) =>
    decideTable(on, { ...setMode, ...op }).then(
      () => undefined,
      error => `${error.code}: ${error.message}`,
    );
  expect(await refusal({ table: 'u' })).toContain('no table canon.u');
  expect(await refusal({ key: [] })).toBe('OPERATION_INVALID: The mode upsert needs a key.');
  expect(await refusal({ mode: 'latest' })).toContain('latest has no key');
  expect(await refusal({ key: ['x', 'X'] })).toBe('OPERATION_INVALID: The key of canon.t names the column X twice.');
  expect(await refusal({ order_by: ['y', 'y'] })).toContain('The order of canon.t names the column y twice.');
  expect(await refusal({ mode: 'append', key: [] })).toContain('has this mode and this key already');
  expect(await refusal({ key: ['y'] })).toContain('do not fit this mode and key');
  const withoutKey = async () => ({ artifact: 'r/p/k/a', nulls: ['x: NULL in 1 of 2 rows'] });
  const nulls = { ...deciding, tableFacts: { ...deciding.tableFacts, withoutKey } };
  expect(await refusal({}, nulls)).toContain('key of canon.t does not fit r/p/k/a');
  const declared = { name: 't', mode: 'append' as const, key: [], orderBy: [], columns: [] };
  const config = { ...bus.config, canon: { ...bus.config.canon, tables: [declared] } };
  expect(await refusal({}, { ...deciding, config })).toContain('Remove canon.tables.t');

  const set = await decideTable(deciding, setMode);
  expect(set).toMatchObject({
    before: { mode: 'append', after: 0 },
    start: { generation: 1, mode: 'upsert', key: ['x'] },
  });
  takeOver(bus, set, 2);
  expect(bus.tables.tables()).toMatchObject([{ name: 't', mode: 'upsert', key: ['x'], generation: 1 }]);
  expect(await refusal({})).toContain('already');
  const back = await decideTable(deciding, { ...setMode, mode: 'append', key: [] });
  expect(back).toMatchObject({ before: { mode: 'upsert', key: ['x'] }, isHeld: true });
  takeOver(bus, back, 3);
  expect(bus.tables.tables()).toEqual([]);
  expect(bus.tables.get('t')).toMatchObject({ mode: 'append', key: [], generation: 2 });
});

test('no key is set that DuckDB cannot compare', async () => {
  const { deciding } = await busWithTable('VARIANT');
  await expect(decideTable(deciding, setMode)).rejects.toMatchObject({
    code: 'OPERATION_INVALID',
    details: [expect.stringContaining('x: key and order_by cannot name a VARIANT')],
  });
  await decideTable(deciding, { ...setMode, mode: 'latest', key: [] });
});

test('rows of forgotten artifacts leave a table that is append no more', async () => {
  const { deciding } = await busWithTable();
  const row = { ...emptyRow, seq: 1, ordinal: 0, status: 'ingested' as const, artifact_key: 'r/p/k/a', rows: 3 };
  const tableFacts = { ...deciding.tableFacts, forgotten: async () => [row as JournalRow] };
  const change = (mode: Partial<SetMode>) => decideTable({ ...deciding, tableFacts }, { ...setMode, ...mode });
  expect((await change({})).erased).toEqual([row]);
  expect((await change({ mode: 'latest', key: [] })).erased).toEqual([row]);
});

const rename = { ...drop, type: 'table_rename' as const, to: 'u' };

test('a table is renamed to a name that is free, and its old name leads to it', async () => {
  const { bus, deciding } = await busWithTable();
  const refusal = (op: Partial<typeof rename>, on: Parameters<typeof decideTable>[0] = deciding) =>
    decideTable(on, { ...rename, ...op }).then(
      () => undefined,
      error => `${error.code}: ${error.message}`,
    );
  expect(await refusal({ table: 'v' })).toBe('OPERATION_INVALID: There is no table canon.v.');
  expect(await refusal({ to: 't' })).toContain('canon.t exists already');
  const tables = [{ name: 'u', mode: 'append' as const, key: [], orderBy: [], columns: [] }];
  const declaring = { ...deciding, config: { ...bus.config, canon: { ...bus.config.canon, tables } } };
  expect(await refusal({}, declaring)).toContain('canon.u is declared by the configuration');
  const own = { ...declaring.config.canon, tables: tables.map(table => ({ ...table, name: 't' })) };
  expect(await refusal({}, { ...deciding, config: { ...bus.config, canon: own } })).toContain('Remove canon.tables.t');
  const options = { ...bus.config.export, tables: { t: {} as never } };
  expect(await refusal({}, { ...deciding, config: { ...bus.config, export: options } })).toContain('export.tables.u');

  const change = await decideTable(deciding, rename);
  expect(change).toMatchObject({ table: 't', to: 'u', isHeld: false, erased: [], before: { after: 0 } });
  takeOver(bus, change, 2);
  expect(bus.tables.tables()).toMatchObject([{ name: 't', shownAs: 'u', generation: 0 }]);
  expect([...bus.tables.held]).toEqual([]);
  expect(['canon.t', 'canon.u'].map(hint => bus.tables.tableOf(hint))).toEqual(['t', 't']);
  expect(await refusal({})).toContain('There is no table canon.t: it was renamed to canon.u.');
  await expect(decideTable(deciding, drop)).rejects.toThrow(/renamed to canon\.u/);
  const misfit = { seq: 3, schemaHint: 'canon.t', artifactKey: 'r/p/k/b', columns: [column('BLOB')] };
  expect(() => bus.tables.draft().apply(misfit)).toThrow(/does not fit canon\.u:/);

  takeOver(bus, await decideTable(deciding, { ...drop, table: 'u' }), 3);
  expect(bus.tables.tables()).toEqual([]);
  bus.tables.apply({ seq: 4, schemaHint: 'canon.v', artifactKey: 'r/p/k/c', columns: [column('VARCHAR')] });
  expect(await refusal({ table: 'v' })).toContain('canon.u was dropped, and can be restored');
  takeOver(bus, await decideTable(deciding, { ...rename, table: 'v', to: 't' }), 5);
  expect(bus.tables.named('t')).toMatchObject({ name: 'v', shownAs: 't' });
  expect(bus.tables.tableOf('canon.t')).toBe('v');
});

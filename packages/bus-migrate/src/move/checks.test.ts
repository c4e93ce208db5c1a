import type { JournalledTableOperation } from '@quantbot/bus-format/canon';
import { expect, test } from 'vitest';
import { mustHaveTables } from './checks.js';

const operation = (
  seq: number,
  type: JournalledTableOperation['type'],
  more: Partial<JournalledTableOperation> = {},
): JournalledTableOperation => ({ seq, type, table: 't', before: null, generation: seq, ...more });

const refusal = (...operations: JournalledTableOperation[]) =>
  mustHaveTables({ tableOperations: async () => operations }).then(
    () => undefined,
    ({ code, message }) => `${code}: ${message}`,
  );

test('a bus with a dropped table, or with a mode or a type that was set, cannot move to many machines', async () => {
  const drop = operation(1, 'table_drop');
  const restore = operation(2, 'table_restore');
  const latest = operation(3, 'table_set_mode', { mode: 'latest', key: [], order_by: [] });
  const append = operation(4, 'table_set_mode', { mode: 'append', key: [], order_by: [] });
  expect(await refusal()).toBeUndefined();
  expect(await refusal(drop)).toMatch(/^CLUSTER_UNSUPPORTED: The bus has dropped tables \(canon\.t\)/);
  expect(await refusal(drop, restore)).toBeUndefined();
  expect(await refusal(latest)).toMatch(/^CLUSTER_UNSUPPORTED: Operations have set the mode of canon\.t,/);
  expect(await refusal(latest, append)).toBeUndefined();
  const retype = operation(5, 'table_retype', { column: 'x', column_type: 'BIGINT' });
  expect(await refusal(retype)).toMatch(/^CLUSTER_UNSUPPORTED: Operations have set types of columns of canon\.t,/);
  expect(await refusal(retype, operation(6, 'table_drop'), restore)).toMatch(/^CLUSTER_UNSUPPORTED/);
});

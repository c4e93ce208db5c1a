import { OperatedTables } from '@quantbot/bus-cluster';
import type { JournalledTableOperation } from '@quantbot/bus-format/canon';
import { expect, test } from 'vitest';
import { mustHaveFileTypes } from './checks.js';

const operation = (
  seq: number,
  type: JournalledTableOperation['type'],
  more: Partial<JournalledTableOperation> = {},
): JournalledTableOperation => ({ seq, type, table: 't', before: null, generation: seq, ...more });

test('only types that an operation has set keep a bus from moving', () => {
  const moved = (...operations: JournalledTableOperation[]) => mustHaveFileTypes(new OperatedTables(operations));
  const drop = operation(1, 'table_drop');
  const latest = operation(2, 'table_set_mode', { mode: 'latest', key: [], order_by: [] });
  const retype = operation(3, 'table_retype', { column: 'x', column_type: 'BIGINT' });
  expect(() => moved(drop, operation(4, 'table_restore'), latest)).not.toThrow();
  expect(() => moved(retype)).toThrow(/^Operations have set types of columns of canon\.t,/);
  expect(() => moved(retype, operation(5, 'table_drop'), operation(6, 'table_restore'))).toThrow(
    expect.objectContaining({ code: 'CLUSTER_UNSUPPORTED' }),
  );
});

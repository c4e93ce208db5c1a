import { append, type File, type NewRow, type Row, type Setting, type TableOp } from './bus-model.js';
import { writeSelect } from './parquet.js';
import { fc } from './properties.js';

const settings: Setting[] = [
  append,
  { mode: 'latest', key: [], order_by: [] },
  { mode: 'upsert', key: ['k'], order_by: [] },
  { mode: 'upsert', key: ['k'], order_by: ['rev'] },
];

const keys = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('a', 'b', 'c') },
  { weight: 1, arbitrary: fc.constant(null) },
);
const codes = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom('1', '2', '10') },
  { weight: 1, arbitrary: fc.constantFrom('007', 'x') },
);

/** The rows of a random file. */
export const someRows: fc.Arbitrary<NewRow[]> = fc.array(fc.record({ k: keys, rev: fc.nat(3), code: codes }), {
  maxLength: 3,
});

/** A random operation on a table. */
export const someTableOp: fc.Arbitrary<TableOp> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('table_rename' as const), to: fc.constantFrom('t', 'u', 'v') }),
  },
  {
    weight: 6,
    arbitrary: fc.constantFrom(...settings).map(setting => ({ type: 'table_set_mode' as const, ...setting })),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('table_retype' as const),
      column: fc.constant('code' as const),
      column_type: fc.constantFrom('VARCHAR', 'BIGINT', 'DECIMAL(9,2)', 'DOUBLE'),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ type: 'table_drop' as const }) },
  { weight: 1, arbitrary: fc.constant({ type: 'table_restore' as const }) },
);

/** Writes rows as a Parquet file in a folder, and returns its path. */
export function writeRows(
  folder: string,
  rows: readonly Row[],
  { x = null }: Partial<Pick<File, 'x'>> = {},
): Promise<string> {
  const values = rows.map(({ k, rev, code, id }) => `(${k === null ? 'NULL' : `'${k}'`}, ${rev}, '${code}', ${id})`);
  return writeSelect(
    folder,
    `SELECT k::VARCHAR AS k, rev::INTEGER AS rev, code, id::INTEGER AS id${x === null ? '' : `, id::${x} AS x`}
     FROM (VALUES ${["(NULL, 0, '', 0)", ...values].join(', ')}) v(k, rev, code, id) WHERE id > 0`,
  );
}

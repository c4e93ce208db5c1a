import { z } from 'zod';

const scalarTypes =
  'TINYINT|SMALLINT|INTEGER|BIGINT|UTINYINT|USMALLINT|UINTEGER|UBIGINT|FLOAT|DOUBLE|BOOLEAN|VARCHAR|BLOB|UUID|DATE|TIME|TIMESTAMP|TIMESTAMP WITH TIME ZONE|DECIMAL\\([0-9]{1,2},[0-9]{1,2}\\)';
const columnType = z
  .string()
  .transform(type =>
    type
      .toUpperCase()
      .replace(/\s*([(),])\s*/g, '$1')
      .replace(/^TIMESTAMPTZ\b/, 'TIMESTAMP WITH TIME ZONE'),
  )
  .refine(
    type => new RegExp(`^(${scalarTypes})(\\[\\])*$`).test(type),
    'must be a scalar type of DuckDB, or a list of one',
  );
const columnName = z.string().min(1).max(255);

/** The settings of a canonical table. */
export const tableSchema = z
  .strictObject({
    mode: z
      .enum(['append', 'latest', 'upsert'])
      .default('append')
      .describe('`append`: all rows. `latest`: those of the newest job. `upsert`: the newest row of each key.'),
    key: z.array(columnName).min(1).optional().describe('The columns that identify a row (`upsert` only).'),
    order_by: z
      .array(columnName)
      .min(1)
      .optional()
      .describe(
        'The columns by which one row of a key is newer than another (`upsert` only); then the order of commits.',
      ),
    columns: z
      .record(
        columnName,
        z.strictObject({
          type: columnType.describe('Its type; files whose values all fit are taken.'),
          not_null: z.boolean().default(false).describe('Whether every file must have it, and no NULL in it.'),
        }),
      )
      .prefault({})
      .describe('Columns that are there from the beginning; files may bring others.'),
  })
  .superRefine((table, context) => {
    const isUpsert = table.mode === 'upsert';
    const declared = Object.keys(table.columns);
    for (const name of ['key', 'order_by'] as const)
      for (const column of declared.length > 0 ? (table[name] ?? []) : [])
        if (!declared.includes(column))
          context.addIssue({ code: 'custom', path: [name], message: `${column} is not among the columns` });
    if (isUpsert && table.key === undefined)
      context.addIssue({ code: 'custom', path: ['key'], message: 'an upsert table needs a key' });
    for (const name of ['key', 'order_by'] as const)
      if (!isUpsert && table[name] !== undefined)
        context.addIssue({
          code: 'custom',
          path: [name],
          message: `only an upsert table has it, and this is ${table.mode}`,
        });
  });

/** A canonical table that the configuration declares. */
export interface DeclaredTable {
  /** In lower case. */
  name: string;
  mode: 'append' | 'latest' | 'upsert';
  /** `upsert` only: the columns that identify a row. Empty for other modes. */
  key: string[];
  /** `upsert` only: the columns that decide which row of a key is the newest. */
  orderBy: string[];
  columns: { name: string; type: string; notNull: boolean }[];
}

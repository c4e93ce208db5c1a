import * as z from 'zod';
import { foldName } from '../parquet/columns.js';
import { qualitySchema, type TableQuality } from './quality.js';

const scalarTypes =
  'TINYINT|SMALLINT|INTEGER|BIGINT|UTINYINT|USMALLINT|UINTEGER|UBIGINT|FLOAT|DOUBLE|BOOLEAN|VARCHAR|BLOB|UUID|DATE|TIME|TIMESTAMP|TIMESTAMP WITH TIME ZONE|DECIMAL\\([0-9]{1,2},[0-9]{1,2}\\)';
/** DuckDB cannot plan a table with deeply nested lists. */
const maxLists = 16;

function isNoDecimalOrFits(type: string): boolean {
  const [, precision, scale] = /^DECIMAL\((\d+),(\d+)\)/.exec(type) ?? [];
  if (precision === undefined) return true;
  return Number(precision) >= 1 && Number(precision) <= 38 && Number(scale) <= Number(precision);
}

const columnType = z
  .string()
  .transform(type =>
    type
      .toUpperCase()
      .replace(/\s*([(),])\s*/g, '$1')
      .replace(/^TIMESTAMPTZ\b/, 'TIMESTAMP WITH TIME ZONE'),
  )
  .refine(
    type => new RegExp(`^(${scalarTypes})(\\[\\]){0,${maxLists}}$`).test(type),
    `must be a scalar type of DuckDB, or a list of one, in at most ${maxLists} lists`,
  )
  .refine(isNoDecimalOrFits, 'a DECIMAL has 1 to 38 digits, and at most that many behind the point');
const columnName = z.string().min(1).max(255);

/**
 * The modes of canonical tables: which rows each shows, and whether a key identifies the rows
 * (`key`, `order_by`).
 */
export const tableModes = {
  append: { shows: 'all rows', isKeyed: false },
  latest: { shows: 'those of the newest job', isKeyed: false },
  upsert: { shows: 'the newest row of each key', isKeyed: true },
} as const satisfies Record<string, { shows: string; isKeyed: boolean }>;

/** The name of a mode. */
export type TableMode = keyof typeof tableModes;

/** The names of all modes. */
export const tableModeNames = Object.keys(tableModes) as [TableMode, ...TableMode[]];

/** The mode of a table that the configuration does not declare. */
export const defaultTableMode: TableMode = 'append';

/** Returns the first name that stands in a list twice, as DuckDB compares names. */
export function firstTwice(names: readonly string[]): string | undefined {
  const folded = names.map(foldName);
  return names.find((_, index) => folded.indexOf(folded[index] as string) < index);
}

const keyedModes = tableModeNames.filter(name => tableModes[name].isKeyed);
const onlyKeyed = `(${keyedModes.map(name => `\`${name}\``).join(', ')} only)`;

/** The settings of a canonical table. */
export const tableSchema = z
  .strictObject({
    mode: z
      .enum(tableModeNames)
      .default(defaultTableMode)
      .describe(
        `${Object.entries(tableModes)
          .map(([name, { shows }]) => `\`${name}\`: ${shows}`)
          .join('. ')}.`,
      ),
    key: z.array(columnName).min(1).optional().describe(`The columns that identify a row ${onlyKeyed}.`),
    order_by: z
      .array(columnName)
      .min(1)
      .optional()
      .describe(
        `The columns that decide which row of a key is the newest ${onlyKeyed}. Equal rows are ordered by their commits.`,
      ),
    columns: z
      .record(
        columnName,
        z.strictObject({
          type: columnType.describe('Its type. A file whose values do not all fit is rejected.'),
          not_null: z.boolean().default(false).describe('Whether every file must have the column, without NULLs.'),
        }),
      )
      .prefault({})
      .describe('Columns that exist from the start. Files may add others.'),
    rows: z
      .enum(['default', 'drop'])
      .default('default')
      .describe(
        'What becomes of the rows of a forgotten artifact. `default`: they stay in `append` tables and leave the others. `drop`: they leave.',
      ),
    quality: qualitySchema.optional(),
  })
  .superRefine((table, context) => {
    const { isKeyed } = tableModes[table.mode];
    const declared = Object.keys(table.columns);
    for (const name of ['key', 'order_by'] as const) {
      const twice = firstTwice(table[name] ?? []);
      if (twice !== undefined) context.addIssue({ code: 'custom', path: [name], message: `names ${twice} twice` });
      for (const column of declared.length > 0 ? (table[name] ?? []) : [])
        if (!declared.includes(column))
          context.addIssue({ code: 'custom', path: [name], message: `${column} is not among the columns` });
    }
    if (isKeyed && table.key === undefined)
      context.addIssue({ code: 'custom', path: ['key'], message: `the mode ${table.mode} needs a key` });
    for (const name of ['key', 'order_by'] as const)
      if (!isKeyed && table[name] !== undefined)
        context.addIssue({
          code: 'custom',
          path: [name],
          message: `the mode ${table.mode} has none; only ${keyedModes.join(', ')} has one`,
        });
  });

/** A canonical table that the configuration declares. */
export interface DeclaredTable {
  /** In lower case. */
  name: string;
  mode: TableMode;
  /** The columns that identify a row. Empty for a mode without a key. */
  key: string[];
  /** The columns that decide which row of a key is the newest. */
  orderBy: string[];
  columns: { name: string; type: string; notNull: boolean }[];
  /** What becomes of the rows of a forgotten artifact. */
  rows?: 'default' | 'drop';
  /** The rules for the rows of new artifacts. */
  quality?: TableQuality | undefined;
}

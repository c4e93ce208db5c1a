import * as z from 'zod';
import { duration, durationMs } from './parts.js';

const columnName = z.string().min(1).max(255);
const bound = z.union([z.number(), z.string().min(1).max(100)]);
const boundNote =
  'A number for columns of numbers. Otherwise a text that the type of the column takes: `"2020-01-01"`.';

/**
 * Whether a pattern is a regular expression. DuckDB knows no look-around, no back references. It
 * knows flags such as `(?i)`, `(?P<name>…)`, `\A`, `\z` and `[[:alpha:]]`. JavaScript does not.
 */
function isPattern(pattern: string): boolean {
  const known = pattern
    .replaceAll(/\(\?[imsU]*(-[imsU]+)?(?=[:)])/g, '(?:')
    .replaceAll('(?::', '(?:')
    .replaceAll('(?P<', '(?<')
    .replaceAll(/\\[Az]/g, '')
    .replaceAll(/\[:\^?[a-z]+:\]/g, 'a');
  try {
    return new RegExp(known, 'u') instanceof RegExp && !/\(\?<?[=!]|\\[1-9]/.test(known);
  } catch {
    return false;
  }
}

/** The rules that new artifacts of a canonical table must keep. */
export const qualitySchema = z
  .strictObject({
    on_failure: z
      .enum(['reject', 'quarantine'])
      .default('reject')
      .describe(
        'What becomes of a job whose artifact breaks a rule. `quarantine`: it is ingested, and the rows of the artifact stay out of the table until someone releases it.',
      ),
    rows: z
      .strictObject({
        min: z.int().nonnegative().optional().describe('The fewest rows of an artifact.'),
        max: z.int().nonnegative().optional().describe('The most rows of an artifact.'),
      })
      .optional(),
    unique: z
      .array(columnName)
      .min(1)
      .optional()
      .describe('Columns whose values together occur once in a file. Rows with NULL in one of them do not count.'),
    columns: z
      .record(
        columnName,
        z.strictObject({
          not_null: z.boolean().default(false).describe('Whether the column must exist, without NULLs.'),
          min: bound.optional().describe(`The least value. ${boundNote}`),
          max: bound.optional().describe(`The greatest value. ${boundNote}`),
          matches: z
            .string()
            .min(1)
            .max(1000)
            .refine(isPattern, 'must be a regular expression, without look-around and back references')
            .optional()
            .describe('A regular expression that every text matches as a whole.'),
          fresh_within: duration
            .optional()
            .describe('How old the newest date or timestamp of a file may be when the job is submitted.'),
        }),
      )
      .optional()
      .describe('Rules by column. NULL and a column that a file lacks break none but `not_null`.'),
  })
  .describe(
    'Rules for the rows of new artifacts. A job is rejected with `QUALITY_FAILED` if one of them breaks a rule.',
  );

/** The rules for one column. */
export interface ColumnRules {
  column: string;
  notNull: boolean;
  min?: number | string | undefined;
  max?: number | string | undefined;
  matches?: string | undefined;
  /** Milliseconds. */
  freshWithinMs?: number | undefined;
}

/** The rules that new artifacts of a canonical table must keep. */
export interface TableQuality {
  onFailure: 'reject' | 'quarantine';
  minRows?: number | undefined;
  maxRows?: number | undefined;
  /** Empty if nothing must be unique. */
  unique: string[];
  columns: ColumnRules[];
}

/** Returns the rules of a declaration. */
export const qualityOf = ({ on_failure, rows, unique, columns }: z.output<typeof qualitySchema>): TableQuality => ({
  onFailure: on_failure,
  minRows: rows?.min,
  maxRows: rows?.max,
  unique: unique ?? [],
  columns: Object.entries(columns ?? {}).map(([column, { not_null, min, max, matches, fresh_within }]) => ({
    column,
    notNull: not_null,
    min,
    max,
    matches,
    freshWithinMs: fresh_within === undefined ? undefined : durationMs(fresh_within),
  })),
});

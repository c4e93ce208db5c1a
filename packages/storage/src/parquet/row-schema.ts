import { storageError } from '../errors.js';
import type { Row } from '../types/mapping.js';

/** What a row has to be: a zod object schema, or anything with the same two members. */
export interface RowSchema<R> {
  safeParse(
    row: unknown,
  ):
    | { success: true; data: R }
    | { success: false; error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] } };
  /** The fields by name: only these columns are read, unless `columns` says otherwise. */
  shape?: Readonly<Record<string, unknown>>;
}

/** Gives the rows of a read their type, and checks each of them. */
export interface TypedReadOptions<R> {
  rowSchema: RowSchema<R>;
}

/** The columns that a schema speaks of, if it says. */
export const columnsOf = ({ shape }: RowSchema<unknown>): string[] | undefined => shape && Object.keys(shape);

const maxDetails = 20;

/**
 * The rows as the schema gives them back.
 *
 * @param before how many rows were checked earlier.
 * @throws StorageError `ROW_INVALID` for the first row that does not fit.
 */
export function checkRows<R>(schema: RowSchema<R>, rows: readonly Row[], before = 0): R[] {
  return rows.map((row, index) => {
    const parsed = schema.safeParse(row);
    if (parsed.success) return parsed.data;
    const details = parsed.error.issues
      .slice(0, maxDetails)
      .map(({ path, message }) => `${path.map(String).join('.') || 'row'}: ${message}`);
    throw storageError(
      'ROW_INVALID',
      `Row ${before + index + 1} is not what the row schema expects: ${details.join('; ')}.`,
      {
        details,
      },
    );
  });
}

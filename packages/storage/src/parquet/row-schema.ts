import { storageError } from '../errors.js';
import type { Row } from '../types/mapping.js';

/** The schema of a row: a zod object schema, or an object with the same two members. */
export interface RowSchema<R> {
  safeParse(
    row: unknown,
  ):
    | { success: true; data: R }
    | { success: false; error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] } };
  /** The fields by name. Only these columns are read, unless `columns` is given. */
  shape?: Readonly<Record<string, unknown>>;
}

/** Types and checks each row of a read. */
export interface TypedReadOptions<R> {
  rowSchema: RowSchema<R>;
}

/** Returns the columns of a schema, if it lists them. */
export const columnsOf = ({ shape }: RowSchema<unknown>): string[] | undefined => shape && Object.keys(shape);

const maxDetails = 20;

/**
 * Returns the rows as parsed by the schema.
 *
 * @param before the number of rows checked earlier.
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
      `Row ${before + index + 1} does not match the row schema: ${details.join('; ')}.`,
      {
        details,
      },
    );
  });
}

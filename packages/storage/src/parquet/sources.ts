/**
 * The rows to write: objects by column name, from an array, a generator or a stream. A missing
 * column is NULL.
 */
export type RowSource = Iterable<object> | AsyncIterable<object>;

/** The columns to write, each an array of one value per row. */
export type ColumnSource = Readonly<Record<string, ArrayLike<unknown>>>;

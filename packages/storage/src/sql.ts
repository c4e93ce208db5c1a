/**
 * A string as an SQL literal. Together with {@link identifier} the only way in which text gets into
 * this package's SQL.
 */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** A name as a quoted SQL identifier. */
export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

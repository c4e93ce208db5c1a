import { CodedError, type CodedErrorOptions, type Disposition } from '@quantbot/infra';

/**
 * Every code of `@quantbot/storage`, with what to do about it: `caller` (correct the call), `retry`
 * (the same call can succeed later). Documented in docs/reference/errors-storage.md; a test holds
 * the two together.
 */
export const storageCodes = {
  OPTIONS_INVALID: { disposition: 'caller', hint: 'Correct the named options and call again.' },
  DATABASE_NOT_FOUND: {
    disposition: 'retry',
    hint: 'Check the path. The daemon publishes the database when it starts: pnpm --filter bus-daemon start.',
  },
  DATABASE_INVALID: {
    disposition: 'caller',
    hint: 'Check the path, and that this DuckDB is not older than the one that wrote the file.',
  },
  DATABASE_LOCKED: {
    disposition: 'retry',
    hint: 'Another process has the database open for writing. Only the daemon may write: submit through the bus instead.',
  },
  DATABASE_READ_ONLY: {
    disposition: 'caller',
    hint: 'The daemon is the only writer. Write Parquet and submit it: submitArtifact from @quantbot/infra/utils.',
  },
  DATABASE_MOVED: {
    disposition: 'caller',
    hint: 'Start the daemon in that folder (quantbot-bus start): it publishes the database anew, with the paths of that folder.',
  },
  CLOSED: { disposition: 'caller', hint: 'Open it again, and close it after the last use.' },
  QUERY_FAILED: { disposition: 'caller', hint: "Correct the SQL or its parameters; DuckDB's own message is above." },
  NOT_ONE_SELECT: {
    disposition: 'caller',
    hint: 'Give one SELECT; WITH, FROM, VALUES, DESCRIBE and SUMMARIZE are such too. Only the daemon writes: submit through the bus instead.',
  },
  OUT_OF_REACH: {
    disposition: 'caller',
    hint: 'Name views of catalog.* and canon.*, or files of the store, canon, journal or exports folder by their plain paths.',
  },
  FILE_NOT_FOUND: {
    disposition: 'caller',
    hint: 'Check the path, the folder or the glob; relative paths are relative to the working folder.',
  },
  NOT_PARQUET: {
    disposition: 'caller',
    hint: 'Write the file again with a Parquet writer, and close it before reading.',
  },
  READ_FAILED: { disposition: 'retry', hint: 'See to the cause, then read again.' },
  FILE_CHANGED: {
    disposition: 'retry',
    hint: 'Read again. Whoever writes the file should write it beside and rename it, as writeParquet does.',
  },
  SCAN_INCOMPLETE: {
    disposition: 'retry',
    hint: 'Discard what the scan has delivered, and scan again when nobody writes to the files.',
  },
  SCHEMA_DIFFERS: {
    disposition: 'caller',
    hint: 'Choose columns that all files have with one type (`columns`), or read the files one by one.',
  },
  COLUMN_NOT_FOUND: { disposition: 'caller', hint: 'Use one of the columns that the file has; they are listed above.' },
  ROW_INVALID: {
    disposition: 'caller',
    hint: 'The file is not what the row schema expects: correct the schema, or whoever writes the file.',
  },
  TYPE_UNSUPPORTED: { disposition: 'caller', hint: 'CAST the column to a type of docs/reference/type-mapping.md.' },
  VALUE_UNREPRESENTABLE: {
    disposition: 'caller',
    hint: "Read with int64: 'bigint' or timestamp: 'nanos', which hold every value.",
  },
  SCHEMA_INVALID: { disposition: 'caller', hint: 'Use the types of docs/reference/type-mapping.md.' },
  VALUE_INVALID: { disposition: 'caller', hint: 'Convert the value before writing, or choose another column type.' },
  WRITE_FAILED: { disposition: 'retry', hint: 'Nothing was written at the path. See to the cause, then write again.' },
  CATALOG_NOT_FOUND: {
    disposition: 'caller',
    hint: "Open the database that the daemon publishes (duckdb_path in bus_config.json, 'data/alerts.duckdb' by default).",
  },
} as const satisfies Record<string, { disposition: Disposition; hint: string }>;

/** A code of {@link StorageError}. */
export type StorageCode = keyof typeof storageCodes;

/**
 * An error of reading or writing through this package. `details` has further facts, `cause` what
 * DuckDB or the system said.
 *
 * @example
 * try {
 *   await readParquet('data/exports/alerts_std.parquet');
 * } catch (error) {
 *   if (!(error instanceof StorageError) || error.disposition !== 'retry') throw error;
 *   console.error(`${error.message} ${error.hint}`);
 * }
 */
export class StorageError extends CodedError<StorageCode> {
  /** What a caller should do: correct the call, or try again. */
  get disposition(): Disposition {
    return storageCodes[this.code].disposition;
  }
}

/** Makes a {@link StorageError} with the hint that its code carries. */
export const storageError = (code: StorageCode, message: string, more: Partial<CodedErrorOptions> = {}): StorageError =>
  new StorageError(code, message, { hint: storageCodes[code].hint, ...more });

import { CodedError, type Disposition, defineErrors } from '@quantbot/infra';
import { startCommand } from '@quantbot/infra/bus';

/**
 * Every code of `@quantbot/storage`, with its disposition: `caller` (correct the call) or `retry`
 * (the same call can succeed later). docs/reference/errors-storage.md documents them; a test
 * compares the two.
 */
export const storageCodes = {
  OPTIONS_INVALID: { disposition: 'caller', hint: 'Correct the named options and call again.' },
  DATABASE_NOT_FOUND: {
    disposition: 'retry',
    hint: `Check the path, or start the daemon (\`${startCommand}\`). It publishes the database at its start.`,
  },
  DATABASE_INVALID: {
    disposition: 'caller',
    hint: 'Check the path. If it is right, upgrade this DuckDB: it may be older than the one that wrote the file.',
  },
  DATABASE_LOCKED: {
    disposition: 'retry',
    hint: 'Close the process that has the database open for writing, and submit through the bus instead.',
  },
  DATABASE_READ_ONLY: {
    disposition: 'caller',
    hint: 'Write Parquet and submit it (submitArtifact from @quantbot/infra/utils). Only the daemon writes the database.',
  },
  DATABASE_MOVED: {
    disposition: 'caller',
    hint: 'Run `quantbot-bus start` in that folder. The daemon then publishes the database with the paths of that folder.',
  },
  JOURNAL_DAMAGED: {
    disposition: 'retry',
    hint: 'Run `quantbot-bus doctor`. Restart the daemon: it uses what older files hold, or says which file to restore from a backup.',
  },
  CLOSED: { disposition: 'caller', hint: 'Open it again, and close it after its last use.' },
  QUERY_FAILED: { disposition: 'caller', hint: "Correct the SQL or its parameters. DuckDB's own message is above." },
  ANSWER_TOO_LARGE: {
    disposition: 'caller',
    hint: 'Send the SELECT to `POST /api/v1/rows.parquet`, which streams up to `http.max_answer_bytes`, or add a LIMIT.',
  },
  NOT_ONE_SELECT: {
    disposition: 'caller',
    hint: 'Give one SELECT, WITH, FROM, VALUES, DESCRIBE or SUMMARIZE. To write, submit through the bus.',
  },
  OUT_OF_REACH: {
    disposition: 'caller',
    hint: 'Name views of catalog.* or canon.*, or plain paths of files in the store, canon, journal or exports folder.',
  },
  FILE_NOT_FOUND: {
    disposition: 'caller',
    hint: 'Check the path, the folder or the glob. Relative paths start at the working folder.',
  },
  NOT_PARQUET: {
    disposition: 'caller',
    hint: 'Write the file again with a Parquet writer, and close it before reading. `quantbot-bus verify` names the damaged files of a bus.',
  },
  ARTIFACT_FORGOTTEN: {
    disposition: 'caller',
    hint: 'Submit the same bytes under the same key again, which restores the artifact. `catalog.forgotten_f` says who forgot it, and why.',
  },
  READ_FAILED: { disposition: 'retry', hint: 'Fix the cause, then read again.' },
  FILE_CHANGED: {
    disposition: 'retry',
    hint: 'Read again. Let the program that writes the file write beside it and rename, as writeParquet does.',
  },
  SCAN_INCOMPLETE: {
    disposition: 'retry',
    hint: 'Discard what the scan delivered, and scan again when no program writes to the files.',
  },
  SCHEMA_DIFFERS: {
    disposition: 'caller',
    hint: 'Choose columns that all files have with one type (`columns`), or read the files one by one.',
  },
  COLUMN_NOT_FOUND: { disposition: 'caller', hint: "Use one of the file's columns. They are listed above." },
  ROW_INVALID: {
    disposition: 'caller',
    hint: 'Correct the row schema, or the program that writes the file.',
  },
  TYPE_UNSUPPORTED: { disposition: 'caller', hint: 'CAST the column to a type of docs/reference/type-mapping.md.' },
  VALUE_UNREPRESENTABLE: {
    disposition: 'caller',
    hint: "Read with int64: 'bigint' or timestamp: 'nanos', which hold every value.",
  },
  SCHEMA_INVALID: { disposition: 'caller', hint: 'Use the types of docs/reference/type-mapping.md.' },
  VALUE_INVALID: { disposition: 'caller', hint: 'Convert the value before writing, or choose another column type.' },
  WRITE_FAILED: { disposition: 'retry', hint: 'Fix the cause, then write again. Nothing was written at the path.' },
  LAKE_UNREACHABLE: {
    disposition: 'retry',
    hint: 'Check that PostgreSQL and the object store can be reached, and that `quantbot-bus cluster init` has run.',
  },
  EXTENSION_MISSING: {
    disposition: 'caller',
    hint: 'Let the host reach extensions.duckdb.org once, or set cluster.extensions to a folder with the extensions of exactly this version of DuckDB.',
  },
  CATALOG_NOT_FOUND: {
    disposition: 'caller',
    hint: "Open the database that the daemon publishes: duckdb_path in bus_config.json, 'data/alerts.duckdb' by default.",
  },
} as const satisfies Record<string, { disposition: Disposition; hint: string }>;

/** A code of {@link StorageError}. */
export type StorageCode = keyof typeof storageCodes;

/**
 * An error of reading or writing. `details` has further facts, `cause` the error of DuckDB or the
 * system.
 *
 * @example
 * try {
 *   await readParquet('data/exports/alerts_std.parquet');
 * } catch (error) {
 *   if (!(error instanceof StorageError) || error.disposition !== 'retry') throw error;
 *   console.error(`${error.message} ${error.hint}`);
 * }
 */
export class StorageError extends CodedError<StorageCode> {}

/** Creates a {@link StorageError} with the hint of its code. */
export const storageError = defineErrors('storage', storageCodes, StorageError);

const namedKeys = 5;

/** Returns the error that a view of the past gives if artifacts behind it are forgotten. */
export const forgottenSince = (table: string, seq: number, keys: readonly string[]): string =>
  `canon.${table} as of seq ${seq} needs forgotten artifacts: ${keys.slice(0, namedKeys).join(', ')}${keys.length > namedKeys ? ` and ${keys.length - namedKeys} more` : ''}`;

/** Finds {@link forgottenSince} in an error. */
export const forgottenPattern = /canon\.\S+ as of seq \d+ needs forgotten artifacts: .*/;

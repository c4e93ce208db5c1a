import { CodedError, type Disposition } from '@quantbot/infra';

/** The errors of reading and writing Parquet and the catalog. */
export const storageCodes = {
  DATABASE_NOT_FOUND: {
    disposition: 'caller',
    hint: 'Check the path, or start the daemon once: pnpm --filter bus-daemon start.',
  },
  DATABASE_LOCKED: {
    disposition: 'retry',
    hint: "Another process writes this database directly. The bus's own database is never locked: open that one, read-only.",
  },
  FILE_NOT_FOUND: {
    disposition: 'caller',
    hint: 'Check the path; a glob or folder must hold at least one .parquet file.',
  },
  QUERY_FAILED: { disposition: 'caller', hint: "Correct the SQL or its parameters; DuckDB's own message says where." },
  READ_FAILED: {
    disposition: 'retry',
    hint: 'The file is damaged, or was taken away while it was read. quantbot-bus verify tells.',
  },
  SCHEMAS_DIFFER: {
    disposition: 'caller',
    hint: 'Read the files one by one, or name only columns that all of them have with one type.',
  },
  SCAN_INCOMPLETE: { disposition: 'retry', hint: 'A file was changed or taken away during the scan. Scan again.' },
  INTEGER_UNSAFE: { disposition: 'caller', hint: "Read with { int64: 'bigint' }." },
  SCHEMA_INVALID: {
    disposition: 'caller',
    hint: 'Give each column a DuckDB type, such as BIGINT, DOUBLE, VARCHAR, TIMESTAMP.',
  },
  VALUE_INVALID: { disposition: 'caller', hint: 'See docs/reference/type-mapping.md for what each column type takes.' },
} as const satisfies Record<string, { disposition: Disposition; hint: string }>;

/** A code of {@link StorageError}. */
export type StorageCode = keyof typeof storageCodes;

/** An error of reading or writing data. */
export class StorageError extends CodedError<StorageCode> {
  get disposition(): Disposition {
    return storageCodes[this.code].disposition;
  }
}

/** Makes a {@link StorageError} with the hint that its code carries. */
export const storageError = (
  code: StorageCode,
  message: string,
  more: { details?: readonly string[]; cause?: unknown } = {},
): StorageError => new StorageError(code, message, { hint: storageCodes[code].hint, ...more });

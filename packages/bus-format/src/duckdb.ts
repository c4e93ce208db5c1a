import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';
import { textDecoder } from '@duckdb/node-api/lib/vectors/dataAccessors.js';

/**
 * Makes DuckDB's client keep U+FEFF at the start of a text, in this process. It takes it for a mark
 * of the encoding, and drops it: two texts would be one, and a name would find nothing.
 */
export function keepWholeTexts(): void {
  const exactly = new TextDecoder('utf-8', { ignoreBOM: true });
  textDecoder.decode = exactly.decode.bind(exactly);
}

keepWholeTexts();

/** One value of a result as JavaScript has it: BIGINT as bigint, TIMESTAMP as Date. */
export type SqlValue = string | number | bigint | boolean | Date | null | SqlValue[] | { [key: string]: SqlValue };

/** A private database in memory, and the way to close it. */
export interface MemoryDatabase {
  connection: DuckDBConnection;
  close(): void;
}

/** Opens a database in memory with a memory limit and without any network access. */
export async function openMemoryDatabase({
  memoryMb,
  threads,
  spillFolder,
}: {
  memoryMb: number;
  threads: number;
  /** The folder that DuckDB creates and spills to. When absent, DuckDB chooses one. */
  spillFolder?: string;
}): Promise<MemoryDatabase> {
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: `${memoryMb}MB`,
    threads: String(threads),
    ...(spillFolder !== undefined && { temp_directory: spillFolder }),
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    // It would keep the bytes of each file, up to the memory limit. Most are read once.
    enable_external_file_cache: 'false',
  });
  const connection = await instance.connect();
  return {
    connection,
    close: () => {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/**
 * Runs a statement and reads all rows. Not a stream: DuckDB's Node streams do not report every
 * error.
 *
 * @param values the bound values. Even an empty list would make DuckDB plan the statement twice.
 */
export async function query<Row = Record<string, SqlValue>>(
  connection: DuckDBConnection,
  sql: string,
  values?: DuckDBValue[],
): Promise<Row[]> {
  const reader = await connection.runAndReadAll(sql, values);
  return reader.getRowObjectsJS() as Row[];
}

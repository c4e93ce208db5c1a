import { resolve } from 'node:path';
import { replaceFileDurable } from '@quantbot/infra/files';
import { interruptible, queryErrorOn } from '../duckdb/run.js';
import { StorageError, storageError } from '../errors.js';
import { copyExactly } from '../parquet/copy-exactly.js';
import { assertOneSelect } from './one-select.js';
import { openSandbox, type SandboxOptions } from './open-sandbox.js';
import { withoutSemicolon } from './stream-select.js';

/** What to copy. */
export interface CopyOptions extends SandboxOptions {
  /** Ends the query; the signal's reason is then thrown. */
  signal?: AbortSignal;
}

/**
 * Writes the result of an untrusted SELECT as Parquet. The SELECT can only read the bus's data. The
 * file appears when it is whole.
 *
 * @throws StorageError `NOT_ONE_SELECT`, `OUT_OF_REACH`, `QUERY_FAILED`, `READ_FAILED`,
 * `WRITE_FAILED`; those of `copyExactly` and `openSandbox`.
 */
export async function copySelect(
  sql: string,
  path: string,
  { signal, ...where }: CopyOptions,
): Promise<{ rows: number }> {
  const target = resolve(path);
  try {
    return await replaceFileDurable(target, temporary => copyTo(temporary, sql, where, signal));
  } catch (cause) {
    if (signal?.aborted || cause instanceof StorageError || !(cause instanceof Error)) throw cause;
    throw storageError('WRITE_FAILED', `${target} could not be written.`, { cause, details: [cause.message] });
  }
}

async function copyTo(
  path: string,
  sql: string,
  where: SandboxOptions,
  signal: AbortSignal | undefined,
): Promise<{ rows: number }> {
  const { connection, folders, close } = await openSandbox(where, [path]);
  try {
    await assertOneSelect(connection, sql, 'The query', folders);
    const copy = { sql: withoutSemicolon(sql), path, options: 'FORMAT parquet, COMPRESSION zstd', readBack: true };
    return { rows: await interruptible(connection, signal, () => copyExactly(connection, copy)) };
  } catch (error) {
    throw signal?.aborted ? error : await queryErrorOn(connection, error);
  } finally {
    await close();
  }
}

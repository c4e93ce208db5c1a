import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { OpenLake } from '@quantbot/storage/lake';

/** Runs `work` in one transaction of the lake. */
export async function inTransaction(
  { connection }: Pick<OpenLake, 'connection'>,
  work: () => Promise<void>,
): Promise<void> {
  await connection.run('BEGIN');
  try {
    await work();
  } catch (error) {
    await connection.run('ROLLBACK').catch(() => {}); // a failed statement may have ended it
    throw error;
  }
  await connection.run('COMMIT');
}

/**
 * Returns where DuckDB can write an object. A bucket has no folders.
 *
 * @param root `s3://…` or an absolute path.
 */
export async function placeFor(root: string, object: string): Promise<string> {
  const location = `${root}/${object}`;
  if (location.startsWith('/')) await mkdir(dirname(location), { recursive: true });
  return location;
}

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

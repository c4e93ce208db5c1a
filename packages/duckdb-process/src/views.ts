import { viewStatements } from '@quantbot/bus-format/views';
import { assertOneSelect, lockDown } from '@quantbot/storage/sandbox';
import type { ViewsTask } from './protocol.js';
import { openTrialDatabase } from './trial-database.js';

/**
 * Creates the views one after the other, and returns the problem of each, or null. They can read
 * only the bus's folders.
 */
export async function tryViews({ setup, views, readable }: ViewsTask): Promise<(string | null)[]> {
  const { connection, close } = await openTrialDatabase(128);
  try {
    for (const statement of setup) await connection.run(statement);
    await lockDown(connection, { folders: readable });
    const problems: (string | null)[] = [];
    for (const view of views) {
      try {
        await assertOneSelect(connection, view.sql, `The SQL of ${view.name}`, readable);
        for (const statement of viewStatements(view)) await connection.run(statement);
        problems.push(null);
      } catch (error) {
        problems.push((error as Error).message.split('\n')[0] ?? '');
      }
    }
    return problems;
  } finally {
    await close();
  }
}

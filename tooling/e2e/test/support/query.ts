import { openDuckDb } from '@quantbot/storage';
import type { ResultRow } from '@quantbot/tooling-testing/readers';
import type { TestBus } from '@quantbot/tooling-testing/test-bus';

/** Opens the published database, runs one query, and closes it. */
export async function query(bus: TestBus, sql: string): Promise<ResultRow[]> {
  const database = await openDuckDb(bus.config.duckdbPath, { readOnly: true });
  try {
    return (await database.query(sql)) as ResultRow[];
  } finally {
    await database.close();
  }
}

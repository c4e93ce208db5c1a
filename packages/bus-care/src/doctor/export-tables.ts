import { WorkerProcess } from '@quantbot/duckdb-process';
import type { BusConfig } from '@quantbot/infra/config';

const timeoutMs = 20_000;

/**
 * Returns the tables that each configured export reads; undefined if unknown. A child process
 * parses the SQL, because some SQL crashes its parser. For `entry` see {@link WorkerProcess}.
 */
export async function tablesOfExports(
  { export: { jobs } }: BusConfig,
  entry?: string,
): Promise<Map<string, string[] | undefined>> {
  const worker = new WorkerProcess('doctor', { idleMs: 1000, ...(entry !== undefined && { entry }) });
  try {
    const tables = new Map<string, string[] | undefined>();
    for (const { name, sql } of jobs)
      tables.set(name, await worker.request({ task: 'tables', sql }, timeoutMs).catch(() => undefined));
    return tables;
  } finally {
    worker.close();
  }
}

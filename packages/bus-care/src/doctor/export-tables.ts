import { WorkerProcess } from '@quantbot/duckdb-process';
import type { BusConfig } from '@quantbot/infra/config';

const timeoutMs = 20_000;

/**
 * The tables that each export of the configuration reads; undefined where that cannot be told. By
 * another process: some SQL takes the one that parses it down. `entry` as of {@link WorkerProcess}.
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

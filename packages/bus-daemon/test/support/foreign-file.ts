import type { SchemaElement } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import type { Bus } from '../../src/writer/bus.js';
import { compactHot } from '../../src/writer/compaction/compact.js';
import { rebuildTable } from '../../src/writer/compaction/rebuild-tables.js';
import { isRejected } from '../../src/writer/job.js';
import { Publisher } from '../../src/writer/publish/publisher.js';
import { verify } from '../../src/writer/stages/verify.js';
import { compactor, runBatch } from './commits.js';
import { putClaimed } from './jobs.js';
import { queryPublished } from './published.js';

/** A file with one optional column `x`, from a writer other than DuckDB. */
export function fileOf(data: unknown[], element: Partial<SchemaElement>): Uint8Array {
  const schema = [
    { name: 'schema', num_children: 1 },
    { name: 'x', repetition_type: 'OPTIONAL' as const, ...element },
  ];
  return new Uint8Array(parquetWriteBuffer({ columnData: [{ name: 'x', data: data as never }], schema }));
}

/** Commits a file as one job, or returns why it is rejected. */
export async function commit(
  bus: Bus,
  content: Uint8Array,
  schemaHint = 'canon.t',
): Promise<{ code: string; details: readonly string[] } | undefined> {
  const [job] = await verify(bus, [
    putClaimed(bus, {
      jobId: `job-${bus.newClaim()}`,
      files: { 'x.parquet': { content } },
      manifest: { artifacts: [{ artifact_id: 'x', relpath: 'x.parquet', schema_hint: schemaHint }] },
    }),
  ]);
  if (job !== undefined && isRejected(job)) return { code: job.error.code, details: job.error.details };
  await runBatch(bus, job === undefined ? [] : [job]);
  return undefined;
}

/**
 * Returns the results of a query while the rows are in single files, after compaction, and after a
 * rebuild.
 */
export async function askThreeTimes(bus: Bus, sql: string): Promise<unknown[]> {
  const ask = async () => {
    await new Publisher(bus).publishOrThrow();
    return queryPublished(bus, sql);
  };
  const hot = await ask();
  await compactHot(bus, compactor);
  const compacted = await ask();
  for (const table of bus.tables.tables()) await rebuildTable(bus, compactor, table);
  return [hot, compacted, await ask()];
}

/** The results of {@link askThreeTimes}, if they are the same row. */
export const answers = (answer: unknown): unknown[] => [[answer], [answer], [answer]];

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Submission, submitArtifact, writeSmallParquet } from '@quantbot/infra/utils';

/** A row of canon.prices. */
export interface Price {
  ts: Date;
  token: string;
  price: number;
}

/**
 * Submits prices as one artifact, whose rows become part of canon.prices. The same run with the
 * same prices is a duplicate, which is a success. With other prices, it is rejected.
 */
export async function submitPrices(runId: string, rows: Price[], busRoot?: string): Promise<Submission> {
  const folder = await mkdtemp(join(tmpdir(), 'prices-'));
  try {
    const parquetPath = join(folder, 'prices.parquet');
    await writeSmallParquet(parquetPath, {
      columns: { ts: 'timestamp', token: 'string', price: 'double' },
      rows: rows.map(row => ({ ...row })),
    });
    return await submitArtifact({
      runId,
      producer: 'my-producer',
      kind: 'prices',
      artifactId: 'prices',
      parquetPath,
      schemaHint: 'canon.prices',
      ...(busRoot === undefined ? {} : { busRoot }),
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

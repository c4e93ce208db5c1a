// A producer process: submits `count` jobs of one small artifact each. Arguments: bus root, folder
// for files, name, count, schema hint.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { submitArtifact, writeSmallParquet } from '@quantbot/infra/utils';

const [busRoot, folder, name, count, schemaHint] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
for (let i = 0; i < Number(count); i++) {
  const parquetPath = join(folder, `${name}-${i}.parquet`);
  await writeSmallParquet(parquetPath, {
    columns: { producer: 'string', i: 'int64', price: 'double' },
    rows: [{ producer: name, i, price: i / 4 }],
  });
  await submitArtifact({
    runId: `${name}-${i}`,
    jobId: `job-${name}-${i}`,
    producer: name,
    kind: 'ticks',
    artifactId: 'ticks',
    parquetPath,
    schemaHint: schemaHint || undefined,
    busRoot,
    transfer: 'move',
  });
}

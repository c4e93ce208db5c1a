import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BulkWriter } from '@quantbot/duckdb-process';
import { onTestFinished } from 'vitest';
import { workerEntry } from './in-process-bus.js';

/** Starts a compaction process with other code before each task. */
export function compactorThat(folder: string, code: string): BulkWriter {
  const entry = join(folder, 'worker.mjs');
  writeFileSync(
    entry,
    `import { appendFileSync } from 'node:fs';
import '${pathToFileURL(workerEntry)}';
process.prependListener('message', ({ task }) => { const { sql = '' } = task; ${code} });`,
  );
  const worker = new BulkWriter('compact', { idleMs: 60_000, entry });
  onTestFinished(() => worker.close());
  return worker;
}

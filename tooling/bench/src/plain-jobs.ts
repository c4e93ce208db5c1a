import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes each file as a job straight into the inbox, as a shell script does. Flushes nothing. */
export function writePlainJobs(inbox: string, files: readonly string[]): void {
  for (const [index, file] of files.entries()) {
    const job = `plain-${index}`;
    const folder = join(inbox, job);
    mkdirSync(folder);
    copyFileSync(file, join(folder, 'a0.parquet'));
    const manifest = {
      job_id: job,
      run_id: job,
      producer: 'bench',
      kind: 'ticks',
      created_at_utc: '2026-01-31T12:00:00Z',
      artifacts: [{ artifact_id: 'a0', relpath: 'a0.parquet' }],
    };
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
    writeFileSync(join(folder, 'COMMIT'), '');
  }
}

import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestBus } from './test-bus.js';

/** A job as a foreign program writes it. */
export interface RawJob {
  jobId: string;
  /** Merged over a valid manifest. A string is written as it is; null writes no manifest. */
  manifest?: object | string | null;
  /** Files to put into the folder: name → path of the original, or content. */
  files?: Record<string, string | { content: string | Uint8Array }>;
  /** Content of COMMIT; null writes none. */
  commit?: string | null;
}

/** Writes a job into a folder, COMMIT last. */
export function writeRawJob(folder: string, { jobId, manifest = {}, files = {}, commit = '' }: RawJob): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, from] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    if (typeof from === 'string') copyFileSync(from, join(folder, name));
    else writeFileSync(join(folder, name), from.content);
  }
  if (manifest !== null) {
    const whole = {
      job_id: jobId,
      run_id: jobId,
      producer: 'raw',
      kind: 'raw',
      created_at_utc: '2026-01-31T12:00:00Z',
      artifacts: Object.keys(files).map(name => ({ artifact_id: name.split('.')[0], relpath: name })),
    };
    const text = typeof manifest === 'string' ? manifest : JSON.stringify({ ...whole, ...manifest });
    writeFileSync(join(folder, 'manifest.json'), text);
  }
  if (commit !== null) writeFileSync(join(folder, 'COMMIT'), commit);
  return folder;
}

/** Writes a job straight into the inbox of a bus. */
export const writeToInbox = (bus: TestBus, job: RawJob): string => writeRawJob(join(bus.layout.inbox, job.jobId), job);

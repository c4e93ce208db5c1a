import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { withJobIds } from '../src/cluster/check-forgotten.js';
import type { JournalRow } from '../src/cluster/checker.js';
import type { LedgerJob, LedgerOp } from '../src/ledger.js';

test('finds each operation by its reason, also one that was rejected', () => {
  const objects = mkdtempSync(join(tmpdir(), 'objects-'));
  try {
    mkdirSync(join(objects, 'rejected'));
    writeFileSync(join(objects, 'rejected', 'job-2.manifest.json'), '{"op":{"type":"keep","reason":"keep-b"}}');
    const rows = [
      { job_id: 'job-1', status: 'done', op_json: '{"type":"keep","reason":"keep-a"}' },
      { job_id: 'job-2', status: 'rejected', op_json: null },
      { job_id: 'job-3', status: 'rejected', op_json: null }, // an artifact's: it has no such manifest
    ] as JournalRow[];
    const ledger = new Map(['keep-a', 'keep-b', 'job-3', 'keep-c'].map(id => [id, jobOf(id)]));
    expect([...withJobIds(objects, rows, ledger).values()].map(({ jobId }) => jobId).sort()).toEqual([
      'job-1',
      'job-2',
      'job-3',
      'keep-c',
    ]);
  } finally {
    rmSync(objects, { recursive: true });
  }
});

function jobOf(jobId: string): LedgerJob {
  const op: LedgerOp | undefined = jobId.startsWith('keep-') ? { type: 'keep', keys: ['k'], keep: true } : undefined;
  return { jobId, acknowledged: true, expect: 'ingested', artifacts: [], op };
}

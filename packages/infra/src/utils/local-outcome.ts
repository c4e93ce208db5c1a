import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { busLayout, fileNames } from '../bus-layout.js';
import { systemErrorCode } from '../errors.js';
import { watchOutcome } from './outcome-watch.js';
import type { OutcomeSource } from './settled.js';

/** How often one job is polled if no change is noticed. Many jobs are polled less often each. */
const pollMs = 100;
const maxPollsPerMs = 1;

/** The outcomes in `processed/` and `rejected/` of a folder. */
export function localOutcome(busRoot: string): OutcomeSource {
  const layout = busLayout(busRoot);
  return {
    read: jobId => ({
      receipt: readOptional(join(layout.processed, jobId, fileNames.receipt)),
      reason: readOptional(join(layout.rejected, jobId, fileNames.rejectReason)),
    }),
    watch: jobId => {
      const changes = watchOutcome(busRoot, jobId);
      return {
        next: (maxMs, signal) =>
          changes.next(Math.min(maxMs, Math.max(pollMs, changes.waiting() / maxPollsPerMs)), signal),
        close: changes.close,
      };
    },
    whereIs: async jobId => {
      if (existsSync(join(layout.inbox, jobId))) return 'waits in the inbox';
      const claimed = await readdir(layout.claimed).catch(() => []);
      return claimed.some(name => /^[0-9a-f]/.test(name) && name.endsWith(`~${jobId}`))
        ? 'is being worked on'
        : 'is neither in the inbox nor being worked on';
    },
  };
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return undefined;
    throw error;
  }
}

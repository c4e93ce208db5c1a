import { existsSync, readdirSync, readFileSync } from 'node:fs';
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
      receipt: readOutcome(layout.processed, jobId, fileNames.receipt),
      reason: readOutcome(layout.rejected, jobId, fileNames.rejectReason),
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

/**
 * Reads an outcome of a job. If the file system ignores case, the folder may be that of another job
 * whose id differs in case, and the job's own is then beside it, as `<job_id>~<seq>`.
 */
function readOutcome(folder: string, jobId: string, file: string): string | undefined {
  const text = readOptional(join(folder, jobId, file));
  if (text === undefined || !differsInCase(headOf(text).job_id, jobId)) return text;
  const archived = readdirSync(folder)
    .filter(name => /~\d+$/.test(name) && isSameButCase(name.slice(0, name.lastIndexOf('~')), jobId))
    .map(name => readOptional(join(folder, name, file)))
    .filter(outcome => outcome !== undefined)
    .filter(outcome => headOf(outcome).job_id === jobId);
  return archived.sort((a, b) => Number(headOf(b).seq) - Number(headOf(a).seq))[0] ?? text;
}

const isSameButCase = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

const differsInCase = (other: unknown, jobId: string): boolean =>
  typeof other === 'string' && other !== jobId && isSameButCase(other, jobId);

/** Returns nothing of a torn file: the daemon rewrites it. */
function headOf(text: string): { job_id?: unknown; seq?: unknown } {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return undefined;
    throw error;
  }
}

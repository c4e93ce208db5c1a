import type { z } from '@hono/zod-openapi';
import type { artifactSchema, exportSchema, jobSchema, runSchema } from '@quantbot/dashboard/api';
import { rejectCodes } from '@quantbot/infra';
import type { ArtifactRecord, JobRecord, RunRecord } from '@quantbot/storage';
import type { ExportState } from './view/export-state.js';

/** Returns a record as JSON for a response: times become text, nothing else changes. */

export const wireArtifact = ({ submittedAt, committedAt, ...rest }: ArtifactRecord): z.infer<typeof artifactSchema> =>
  ({ ...rest, submittedAt: submittedAt.toISOString(), committedAt: committedAt.toISOString() }) as z.infer<
    typeof artifactSchema
  >;

export const wireRun = ({ firstCommittedAt, lastCommittedAt, ...rest }: RunRecord): z.infer<typeof runSchema> => ({
  ...rest,
  firstCommittedAt: firstCommittedAt.toISOString(),
  lastCommittedAt: lastCommittedAt.toISOString(),
});

type WireJob = z.infer<typeof jobSchema>;

/**
 * Returns a settled job for a response. `canRetry`, and the details and the hint of a rejection,
 * come from its folder, not from the catalog. Without it, the hint is that of the code.
 */
export function wireJob(
  job: JobRecord,
  folder: { canRetry: boolean; details?: readonly string[]; hint?: string },
): WireJob {
  const { jobId, status, committedAt, seq, runId, producer, kind, artifacts, rows, bytes } = job;
  const { rejectCode, rejectError, dismissedAt, dismissNote, dismissedBy } = job;
  return {
    jobId,
    state: status,
    at: committedAt.toISOString(),
    settled: { seq, runId, producer, kind, artifacts, rows, bytes },
    rejection:
      rejectCode === null
        ? null
        : {
            code: rejectCode,
            error: rejectError ?? '',
            hint: folder.hint ?? (rejectCodes as Record<string, string>)[rejectCode] ?? '',
            details: [...(folder.details ?? [])],
            canRetry: folder.canRetry,
            dismissed:
              dismissedAt === null ? null : { at: dismissedAt.toISOString(), note: dismissNote ?? '', by: dismissedBy },
          },
  };
}

export function wireExport({ lastRunAtMs, writtenAtMs, ...rest }: ExportState): z.infer<typeof exportSchema> {
  const time = (ms: number | undefined) => (ms === undefined ? null : new Date(ms).toISOString());
  return { ...rest, writtenAt: time(writtenAtMs), lastRunAt: time(lastRunAtMs) };
}

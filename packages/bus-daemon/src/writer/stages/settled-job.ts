import { isRejection, type JournalRow, rejectReasonOf, TableNames } from '@quantbot/bus-format/journal';
import type { SettledJob } from '@quantbot/bus-http';
import type { CommittedJob } from '../job.js';

/** Whether a row brought the bytes of an artifact, for the first time or again. */
const isThereNow = ({ status }: JournalRow): boolean => status === 'ingested' || status === 'restored';

/** The event for a job that readers can see since a moment (milliseconds). */
export function settledJob(
  { rows, submittedAtMs, trace }: CommittedJob,
  visibleAtMs: number,
  names = TableNames.none,
): SettledJob {
  const [first] = rows as [JournalRow];
  const added = rows.filter(row => row.status === 'ingested');
  const sum = (column: 'rows' | 'bytes') => added.reduce((total, row) => total + (row[column] ?? 0), 0);
  return {
    seq: first.seq,
    jobId: first.job_id,
    outcome: rows.some(isThereNow) ? 'ingested' : (first.status as SettledJob['outcome']),
    runId: first.run_id,
    producer: first.producer,
    kind: first.kind,
    artifacts: added.length,
    rows: sum('rows'),
    bytes: sum('bytes'),
    quarantined: added.filter(row => row.reject_details !== null).length,
    // Never negative: the file system's clock is coarser than the process's.
    latencyMs: submittedAtMs === undefined ? undefined : Math.max(0, visibleAtMs - submittedAtMs),
    submittedAtMs,
    visibleAtMs,
    tables: [...new Set(added.flatMap(row => names.tableOf(row.schema_hint, row.seq) ?? []))].map(table =>
      names.nameOf(table),
    ),
    trace,
    rejection: isRejection(rows) ? rejectReasonOf(rows) : undefined,
  };
}

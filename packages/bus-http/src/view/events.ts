import type { FoundDamage, GcState } from '@quantbot/bus-format/state';
import type { TraceContext } from '@quantbot/infra/bus';

/**
 * The stages of a batch, in order. `publish`, between commit and settle, adds new tables to the
 * published views.
 */
export type StageName = 'verify' | 'decide' | 'store' | 'commit' | 'publish' | 'settle';

/** A settled job. */
export interface SettledJob {
  seq: number;
  jobId: string;
  /** `done` is the outcome of an operation. */
  outcome: 'ingested' | 'duplicate' | 'rejected' | 'done';
  runId: string | null;
  producer: string | null;
  kind: string | null;
  /** The new content that it added to the store. */
  artifacts: number;
  rows: number;
  bytes: number;
  /** How many of its artifacts are in quarantine. */
  quarantined: number;
  /**
   * Time from COMMIT until readers could see it (milliseconds); undefined if unknown, for example
   * after a restart.
   */
  latencyMs: number | undefined;
  /** Time of its COMMIT, and time from which readers see it (milliseconds since 1970). */
  submittedAtMs: number | undefined;
  visibleAtMs: number;
  /** The canonical tables that it has rows for. */
  tables: readonly string[];
  /** Its trace context. */
  trace: TraceContext | undefined;
  /** The reason of a rejected job. */
  rejection: { code: string; error: string; hint: string } | undefined;
}

/** A batch that has been committed. */
export interface SettledBatch {
  jobs: readonly SettledJob[];
  lastSeq: number;
  seconds: number;
}

/** An export that was written, or failed. */
export interface ExportRun {
  name: string;
  ok: boolean;
  seconds: number;
  asOfSeq: number;
  rows: number | null;
  bytes: number | null;
  error: string | null;
}

/** The state of the daemon. */
export type RunState = 'starting' | 'running' | 'paused';

/** The events of a daemon, for onlookers: metrics, the dashboard, notifications. */
export interface BusEvents {
  stage: { stage: StageName; seconds: number };
  /** A long stage made progress: an artifact, or a group of files. */
  moved: { stage: StageName };
  settled: SettledBatch;
  /** Readers see new jobs, from this daemon or another one of the cluster. */
  published: { seq: number };
  export: ExportRun;
  compaction: { seconds: number };
  /** Garbage collection has ended. */
  collected: Pick<GcState, 'removed' | 'bytes'>;
  /** Damaged or missing files were found. */
  damage: readonly FoundDamage[];
  state: {
    state: RunState;
    code: string | null;
    message: string | null /** What to do about a pause. */;
    hint?: string;
  };
  /** An error stops the daemon. */
  stopped: { code: string | null; message: string; hint: string };
}

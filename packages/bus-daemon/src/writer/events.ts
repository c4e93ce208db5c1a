import { EventEmitter } from 'node:events';
import type { FoundDamage } from '@quantbot/bus-format/state';
import type { Logger, TraceContext } from '@quantbot/infra';

/**
 * The stages of a batch, in order. `publish` is the one between commit and settle in which new
 * tables come into the published views.
 */
export const stageNames = ['verify', 'decide', 'store', 'commit', 'publish', 'settle'] as const;

/** {@link stageNames} */
export type StageName = (typeof stageNames)[number];

/** A job that has an end. */
export interface SettledJob {
  seq: number;
  jobId: string;
  /** `done`: it was an operation, not artifacts. */
  outcome: 'ingested' | 'duplicate' | 'rejected' | 'done';
  runId: string | null;
  producer: string | null;
  kind: string | null;
  /** The new content that it added to the store. */
  artifacts: number;
  rows: number;
  bytes: number;
  /**
   * From its COMMIT until readers could see it (milliseconds); undefined when that is not known, as
   * after a restart.
   */
  latencyMs: number | undefined;
  /** When its COMMIT was written, and since when readers see it (milliseconds since 1970). */
  submittedAtMs: number | undefined;
  visibleAtMs: number;
  /** The canonical tables that it has rows for. */
  tables: readonly string[];
  /** The trace that it belongs to. */
  trace: TraceContext | undefined;
  /** Of a rejected one. */
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

/** How the daemon is. */
export type RunState = 'starting' | 'running' | 'paused';

/** What happens in a daemon, for those who only look on: metrics, the dashboard, notifications. */
export interface BusEvents {
  stage: { stage: StageName; seconds: number };
  /** A long stage made progress: an artifact, or a group of files. */
  moved: { stage: StageName };
  settled: SettledBatch;
  /** Readers see new jobs, of this daemon or of another one of the cluster. */
  published: { seq: number };
  export: ExportRun;
  compaction: { seconds: number };
  /** Files were found that the disk has changed or lost. */
  damage: readonly FoundDamage[];
  state: {
    state: RunState;
    code: string | null;
    message: string | null /** What to do about a pause. */;
    hint?: string;
  };
  /** The daemon must stop although nobody asked it to. */
  stopped: { code: string | null; message: string; hint: string };
}

/** Informs the onlookers. An error of one of them is logged and affects nothing else. */
export class Events {
  readonly #emitter = new EventEmitter();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @returns a function that ends it. */
  on<E extends keyof BusEvents>(event: E, listener: (about: BusEvents[E]) => void): () => void {
    const guarded = (about: BusEvents[E]) => {
      try {
        listener(about);
      } catch (error) {
        this.#logger.error({ err: error, event }, 'an onlooker failed; the writer continues');
      }
    };
    this.#emitter.on(event, guarded);
    return () => this.#emitter.off(event, guarded);
  }

  emit<E extends keyof BusEvents>(event: E, about: BusEvents[E]): void {
    this.#emitter.emit(event, about);
  }
}

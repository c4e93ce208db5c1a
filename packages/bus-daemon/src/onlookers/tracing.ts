import {
  type Context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TimeInput,
  trace,
} from '@opentelemetry/api';
import { version } from '@quantbot/bus-format/version';
import type { ExportRun, Onlooker, SettledJob, StageName, VisibleBus } from '@quantbot/bus-http';

/** The most jobs whose exports are still traced. The traces of older jobs get no exports. */
const maxPending = 1_000;

interface Stage {
  stage: StageName;
  seconds: number;
  endedAt: number;
}

interface Pending {
  job: SettledJob;
  context: Context;
}

/**
 * Continues the traces in manifests. It adds a span from COMMIT to visible, and below it one for
 * each stage of the batch and each golden export with the job's rows. The program's OpenTelemetry
 * exports the spans. Without OpenTelemetry, no spans are created.
 */
export async function traceJobs({
  events,
  now,
  isTable,
}: Pick<VisibleBus, 'events' | 'now' | 'isTable'>): Promise<Onlooker> {
  let stages: Stage[] = [];
  let pending: Pending[] = [];
  const exportedUpTo = new Map<string, number>();
  const leave = [
    events.on('stage', ({ stage, seconds }) => {
      // Leave out `verify`: the next batch is verified at the same time.
      if (stage !== 'verify') stages.push({ stage, seconds, endedAt: now() });
    }),
    events.on('settled', ({ jobs }) => {
      const ofBatch = stages;
      stages = [];
      for (const job of jobs) {
        if (job.trace === undefined) continue;
        const context = traceJob(job, ofBatch);
        if (job.outcome === 'ingested') pending.push({ job, context });
      }
      pending = pending.slice(-maxPending);
    }),
    events.on('export', run => {
      const after = exportedUpTo.get(run.name) ?? 0;
      if (run.ok) exportedUpTo.set(run.name, run.asOfSeq);
      const isOfTable = isTable(run.name);
      for (const { job, context } of pending)
        if (job.seq > after && job.seq <= run.asOfSeq && (!isOfTable || job.tables.includes(run.name)))
          traceExport(run, context, now());
    }),
  ];
  return {
    close: async () => {
      for (const end of leave) end();
    },
  };
}

const tracer = () => trace.getTracer('@quantbot/bus-daemon', version);

/** @returns the parent context for the job's exports. */
function traceJob(job: SettledJob, stages: readonly Stage[]): Context {
  const parent = propagation.extract(ROOT_CONTEXT, job.trace);
  const startTime = job.submittedAtMs ?? stages[0]?.endedAt ?? job.visibleAtMs;
  const span = tracer().startSpan(
    'quantbot_bus ingest',
    {
      kind: SpanKind.CONSUMER,
      startTime,
      attributes: {
        'messaging.system': 'quantbot_bus',
        'quantbot_bus.job_id': job.jobId,
        'quantbot_bus.seq': job.seq,
        'quantbot_bus.outcome': job.outcome,
        'quantbot_bus.run_id': job.runId ?? '',
        'quantbot_bus.producer': job.producer ?? '',
        'quantbot_bus.kind': job.kind ?? '',
        'quantbot_bus.artifacts': job.artifacts,
        'quantbot_bus.rows': job.rows,
        'quantbot_bus.bytes': job.bytes,
      },
    },
    parent,
  );
  if (job.rejection !== undefined) {
    span.setAttribute('error.type', job.rejection.code);
    span.setStatus({ code: SpanStatusCode.ERROR, message: job.rejection.error });
  }
  const below = trace.setSpan(parent, span);
  for (const { stage, seconds, endedAt } of stages)
    child(`quantbot_bus ${stage}`, below, endedAt - seconds * 1000).end(endedAt);
  span.end(job.visibleAtMs);
  return below;
}

function traceExport({ name, ok, seconds, error, rows }: ExportRun, context: Context, endedAt: number): void {
  const span = child('quantbot_bus export', context, endedAt - seconds * 1000);
  span.setAttribute('quantbot_bus.export', name);
  if (rows !== null) span.setAttribute('quantbot_bus.rows', rows);
  if (!ok) span.setStatus({ code: SpanStatusCode.ERROR, message: error ?? '' });
  span.end(endedAt);
}

const child = (name: string, context: Context, startTime: TimeInput): Span =>
  tracer().startSpan(name, { kind: SpanKind.INTERNAL, startTime }, context);

import type { Happening, RejectedJob } from '@quantbot/bus-care/notify';
import type { BusEvents, ExportRun, SettledJob, VisibleBus } from '@quantbot/bus-http';

/** Limits an error's text, which may quote a producer's text. */
const maxTextLength = 2000;

const shortened = (text: string): string => (text.length > maxTextLength ? `${text.slice(0, maxTextLength)}…` : text);

/**
 * Reports events of a bus. A lasting event (a pause, an export that keeps failing) is reported once
 * when it begins and once when it ends.
 *
 * @returns a function that stops it.
 */
export async function watchBus(bus: VisibleBus, tell: (happening: Happening) => void): Promise<() => void> {
  const at = () => new Date(bus.now()).toISOString();
  const exports = await exportNews(bus);
  let paused = false;
  const onState = ({ state, code, message, hint }: BusEvents['state']) => {
    if (state === 'paused' && !paused)
      tell({ at: at(), event: 'paused', cause: { code, message: shortened(message ?? ''), hint: hint ?? null } });
    if (state === 'running' && paused) tell({ at: at(), event: 'resumed', cause: null });
    paused = state === 'paused';
  };
  const leave = [
    bus.events.on('settled', ({ jobs }) => {
      for (const job of jobs)
        if (job.rejection !== undefined)
          tell({ at: at(), event: 'rejected', job: rejectedJob(bus, job, job.rejection) });
    }),
    bus.events.on('export', run => {
      const event = exports(run);
      if (event === undefined) return;
      const { name, asOfSeq: as_of_seq, rows, bytes, error } = run;
      tell({
        at: at(),
        event,
        export: { name, as_of_seq, rows, bytes, error: error === null ? null : shortened(error) },
      });
    }),
    bus.events.on('damage', found => {
      for (const { code, what, detail } of found)
        tell({ at: at(), event: 'damaged', damage: { code, what, detail: shortened(detail) } });
    }),
    bus.events.on('state', onState),
    bus.events.on('stopped', ({ code, message, hint }) =>
      tell({ at: at(), event: 'stopped', cause: { code, message: shortened(message), hint } }),
    ),
  ];
  return () => {
    for (const end of leave) end();
  };
}

const rejectedJob = (
  { rejected }: VisibleBus,
  { jobId, seq, runId, producer, kind }: SettledJob,
  { code, error, hint }: NonNullable<SettledJob['rejection']>,
): RejectedJob => ({
  job_id: jobId,
  seq,
  run_id: runId,
  producer,
  kind,
  code,
  error: shortened(error),
  hint,
  path: rejected.placeOf(jobId),
});

/**
 * Returns the event of an export's run, if it is news. An export that failed before the daemon
 * started is reported again if it still fails, because that report may not have arrived. If it does
 * not, it is reported as recovered.
 */
async function exportNews(
  bus: VisibleBus,
): Promise<(run: ExportRun) => 'export_failed' | 'export_recovered' | undefined> {
  const failedBefore = new Set(await bus.failedExports());
  const failing = new Set<string>();
  return ({ name, ok }) => {
    if (!ok) {
      if (failing.has(name)) return undefined;
      failing.add(name);
      return 'export_failed';
    }
    const wasFailing = failing.delete(name);
    return failedBefore.delete(name) || wasFailing ? 'export_recovered' : undefined;
  };
}

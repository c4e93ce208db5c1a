import { garbageKinds } from '@quantbot/bus-format/state';
import { version } from '@quantbot/bus-format/version';
import { rejectCodes } from '@quantbot/infra';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { VisibleBus, VisibleCluster, VisibleMachine } from '../view/visible-bus.js';
import type { Gauges } from './gauges.js';

const seconds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const jobs = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** Creates the metrics for Prometheus. Names, labels and units: docs/reference/metrics.md. */
export function createMetrics(bus: VisibleBus, gauges: Gauges): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  countEvents(bus, registry);
  const add = adder(registry);
  addGauges(add, gauges);
  countUpkeep(bus.events, registry);
  addUpkeep(add, bus);
  if (bus.machine !== undefined) {
    countCompactions(bus.events, registry);
    addMachine(add, bus.machine, gauges);
  }
  if (bus.cluster !== undefined) addCluster(add, bus.cluster);
  return registry;
}

/** Adds counters, which events increment. */
function countEvents({ events, stages }: VisibleBus, registry: Registry): void {
  const of = { registers: [registry] };
  const settled = new Counter({
    ...of,
    name: 'quantbot_bus_jobs_total',
    help: 'Settled jobs by status.',
    labelNames: ['outcome'],
  });
  for (const outcome of ['ingested', 'duplicate', 'rejected', 'done']) settled.inc({ outcome }, 0);
  const rejections = new Counter({
    ...of,
    name: 'quantbot_bus_rejections_total',
    help: 'Rejected jobs by code.',
    labelNames: ['code'],
  });
  for (const code of Object.keys(rejectCodes)) rejections.inc({ code }, 0);
  const artifacts = new Counter({ ...of, name: 'quantbot_bus_artifacts_total', help: 'Artifacts stored.' });
  const quarantined = new Counter({
    ...of,
    name: 'quantbot_bus_quarantined_artifacts_total',
    help: 'Artifacts that went into quarantine.',
  });
  const rows = new Counter({ ...of, name: 'quantbot_bus_artifact_rows_total', help: 'Rows of artifacts stored.' });
  const bytes = new Counter({ ...of, name: 'quantbot_bus_artifact_bytes_total', help: 'Bytes of artifacts stored.' });
  const latency = new Histogram({
    ...of,
    name: 'quantbot_bus_submit_to_visible_seconds',
    help: 'Time from the COMMIT file of a job until readers can see the job.',
    buckets: seconds,
  });
  const batchJobs = new Histogram({ ...of, name: 'quantbot_bus_batch_jobs', help: 'Jobs of a batch.', buckets: jobs });
  const batch = new Histogram({
    ...of,
    name: 'quantbot_bus_batch_duration_seconds',
    help: 'Time of a batch, from verified to settled.',
    buckets: seconds,
  });
  events.on('settled', about => {
    for (const job of about.jobs) {
      settled.inc({ outcome: job.outcome });
      artifacts.inc(job.artifacts);
      quarantined.inc(job.quarantined);
      rows.inc(job.rows);
      bytes.inc(job.bytes);
      if (job.latencyMs !== undefined) latency.observe(job.latencyMs / 1000);
      if (job.rejection !== undefined) rejections.inc({ code: job.rejection.code });
    }
    batchJobs.observe(about.jobs.length);
    batch.observe(about.seconds);
  });
  const stage = new Histogram({
    ...of,
    name: 'quantbot_bus_stage_duration_seconds',
    help: 'Time of a stage of a batch.',
    labelNames: ['stage'],
    buckets: seconds,
  });
  for (const name of stages) stage.zero({ stage: name });
  events.on('stage', about => stage.observe({ stage: about.stage }, about.seconds));
  const exports = new Counter({
    ...of,
    name: 'quantbot_bus_export_runs_total',
    help: 'Runs of golden exports.',
    labelNames: ['export', 'outcome'],
  });
  const exportSeconds = new Histogram({
    ...of,
    name: 'quantbot_bus_export_duration_seconds',
    help: 'Time of a run of a golden export.',
    buckets: seconds,
  });
  events.on('export', about => {
    exports.inc({ export: about.name, outcome: about.ok ? 'ok' : 'failed' });
    exportSeconds.observe(about.seconds);
  });
  const pauses = new Counter({
    ...of,
    name: 'quantbot_bus_pauses_total',
    help: 'Pauses of the daemon because of machine faults, by code.',
    labelNames: ['code'],
  });
  events.on('state', ({ state, code }) => {
    if (state === 'paused') pauses.inc({ code: code ?? 'unknown' });
  });
}

/** Adds a histogram of work that only the daemon of one machine does. */
function countCompactions(events: VisibleBus['events'], registry: Registry): void {
  const compaction = new Histogram({
    registers: [registry],
    name: 'quantbot_bus_compaction_duration_seconds',
    help: 'Time of a round of compaction.',
    buckets: seconds,
  });
  events.on('compaction', about => compaction.observe(about.seconds));
}

/** Adds counters of what the scrub finds, and of what garbage collection removes. */
function countUpkeep(events: VisibleBus['events'], registry: Registry): void {
  const of = { registers: [registry] };
  const removed = new Counter({
    ...of,
    name: 'quantbot_bus_gc_removed_total',
    help: 'Old jobs, unfinished jobs and orphans that were removed.',
    labelNames: ['kind'],
  });
  for (const kind of garbageKinds) removed.inc({ kind }, 0);
  const freed = new Counter({ ...of, name: 'quantbot_bus_gc_freed_bytes_total', help: 'Bytes that this freed.' });
  events.on('collected', about => {
    for (const kind of garbageKinds) removed.inc({ kind }, about.removed[kind] ?? 0);
    freed.inc(about.bytes);
  });
  const damage = new Counter({
    ...of,
    name: 'quantbot_bus_damage_found_total',
    help: 'Damaged files, and tables that wait for one, counted when found.',
    labelNames: ['code'],
  });
  events.on('damage', found => {
    for (const { code } of found) damage.inc({ code });
  });
}

type Now<T> = T | Promise<T>;

/** Returns functions that add metrics which are read at a scrape. */
const adder = (registry: Registry) => ({
  gauge: (name: string, help: string, value: () => Now<number | undefined>) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        const now = await value();
        if (now === undefined) this.remove();
        else this.set(now);
      },
    }),
  labelled: <L extends string>(
    name: string,
    help: string,
    labelNames: L[],
    values: () => Now<readonly (readonly [labels: Record<L, string>, value: number])[]>,
  ) =>
    new Gauge<L>({
      name,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        const now = await values();
        this.reset();
        for (const [labels, value] of now) this.set(labels as never, value);
      },
    }),
});

/** Adds metrics that are read at a scrape. None of them reads the store or the journal's rows. */
function addGauges({ gauge, labelled }: ReturnType<typeof adder>, gauges: Gauges): void {
  labelled('quantbot_bus_info', 'The daemon; always 1.', ['version'], () => [[{ version }, 1]]);
  labelled('quantbot_bus_state', '1 for the state that the daemon is in, 0 for the others.', ['state'], () =>
    (['starting', 'running', 'paused'] as const).map(state => [{ state }, gauges.state() === state ? 1 : 0]),
  );
  labelled('quantbot_bus_queue_jobs', 'Jobs that have not settled.', ['state'], () =>
    gauges.queue().then(({ inbox, claimed }) => [
      [{ state: 'inbox' }, inbox],
      [{ state: 'claimed' }, claimed],
    ]),
  );
  gauge(
    'quantbot_bus_oldest_job_age_seconds',
    'How long the oldest job that was found has waited; 0 when none waits.',
    () => gauges.oldestJobAgeS(),
  );
  gauge(
    'quantbot_bus_loop_stuck_seconds',
    'How long the loop has made no progress although there is work; 0 is healthy.',
    () => gauges.stuckForS(),
  );
  gauge('quantbot_bus_last_seq', 'The seq of the last committed job.', () => gauges.lastSeq());
  gauge('quantbot_bus_last_commit_timestamp_seconds', 'Time of the last commit.', () => gauges.lastCommitAtS());
  gauge('quantbot_bus_store_artifacts', 'Artifacts in the store.', () => gauges.storeArtifacts());
  gauge('quantbot_bus_store_bytes', 'Bytes of the store.', () => gauges.storeBytes());
  labelled(
    'quantbot_bus_stored_bytes',
    'Bytes of artifacts of the largest producers, kinds and tables.',
    ['by', 'name'],
    () =>
      gauges.scrapedSpace().then(
        ({ producers, kinds, tables }) =>
          Object.entries({ producer: producers, kind: kinds, table: tables }).flatMap(([by, uses]) =>
            uses.map(({ name, bytes }) => [{ by, name }, bytes] as [{ by: string; name: string }, number]),
          ),
        () => [], // no database has been published yet
      ),
  );
  const ofExport = (name: string, help: string, value: (entry: ExportGauges) => number | undefined) =>
    labelled(name, help, ['export'], async () =>
      (await gauges.exports()).flatMap(entry => {
        const now = value(entry);
        return now === undefined ? [] : [[{ export: entry.name }, now] as [{ export: string }, number]];
      }),
    );
  type ExportGauges = Awaited<ReturnType<Gauges['exports']>>[number];
  ofExport('quantbot_bus_export_ok', '1 when the last run of the export went well.', ({ ok }) => Number(ok));
  ofExport('quantbot_bus_export_up_to_date', '1 when the export has all that was committed.', ({ upToDate }) =>
    Number(upToDate),
  );
  ofExport(
    'quantbot_bus_export_last_success_timestamp_seconds',
    'When the file that is there was written.',
    ({ writtenAtS }) => writtenAtS,
  );
  ofExport('quantbot_bus_export_bytes', 'Bytes of the export.', ({ bytes }) => bytes);
}

/** Adds metrics of the lock, the journal's files and the disk. */
function addMachine({ gauge }: ReturnType<typeof adder>, machine: VisibleMachine, gauges: Gauges): void {
  gauge('quantbot_bus_writer_lock_held', '1 while this daemon holds the lock of the bus.', () =>
    machine.holdsLock().then(Number),
  );
  gauge('quantbot_bus_tables_waiting', 'Canonical tables whose compaction waits for a damaged file.', () =>
    gauges.waitingTables(),
  );
  gauge('quantbot_bus_disk_free_bytes', 'Free bytes on the disk of the bus.', () => machine.disk().freeBytes);
  gauge(
    'quantbot_bus_disk_min_free_bytes',
    'With fewer free bytes the bus takes no new jobs (min_free_bytes).',
    () => machine.disk().minFreeBytes,
  );
  gauge('quantbot_bus_journal_bytes', 'Bytes of the journal.', () => machine.journalBytes());
  gauge('quantbot_bus_journal_segments', 'Compacted files of the journal.', () => machine.segments);
  gauge('quantbot_bus_compaction_debt_commits', 'Commits that are not compacted yet.', () => machine.hotCommits);
}

/** Adds metrics of the scrub and of garbage collection. */
function addUpkeep({ gauge }: ReturnType<typeof adder>, { scrub, gc }: Pick<VisibleBus, 'scrub' | 'gc'>): void {
  gauge(
    'quantbot_bus_scrub_damaged_files',
    'Files that the last scrub found damaged or missing.',
    async () => (await scrub())?.findings.length,
  );
  gauge(
    'quantbot_bus_scrub_progress_ratio',
    'Share of the bytes that the newest scrub has hashed, from 0 to 1.',
    async () => {
      const state = await scrub();
      if (state === undefined) return undefined;
      return state.ended_at === null ? Math.min(1, state.bytes / Math.max(1, state.total_bytes)) : 1;
    },
  );
  gauge('quantbot_bus_scrub_last_end_timestamp_seconds', 'Time when the last complete scrub ended.', async () => {
    const at = (await scrub())?.last?.ended_at;
    return at === undefined ? undefined : Date.parse(at) / 1000;
  });
  gauge('quantbot_bus_gc_last_end_timestamp_seconds', 'Time when the last garbage collection ended.', async () => {
    const at = (await gc())?.ended_at;
    return at === undefined ? undefined : Date.parse(at) / 1000;
  });
}

/** Adds metrics of the cluster. */
function addCluster({ gauge }: ReturnType<typeof adder>, cluster: VisibleCluster): void {
  gauge('quantbot_bus_daemons', 'Daemons of the cluster that were seen recently.', () => cluster.daemons());
  gauge('quantbot_bus_publisher', '1 while this daemon publishes for the cluster.', () => Number(cluster.publishes));
  gauge('quantbot_bus_published_seq', 'The last seq that readers see.', () => cluster.publishedSeq());
}

import { useMemo } from 'preact/hooks';
import { useAsked } from '../ask.js';
import { type Chart, type Export, get, type Job, type Sample } from '../client.js';
import { useLive } from '../live.js';
import { LineChart } from '../parts/chart.js';
import { Facts, Section, Shown, Time, Title } from '../parts/parts.js';
import { listLink } from '../route.js';
import { bytes, count, duration } from '../words.js';
import { FirstJob, JobTable } from './jobs.js';
import { OwnChart } from './own-chart.js';

/** The first page: the state of the bus at a glance. */
export function Overview() {
  return (
    <>
      <Title>Overview</Title>
      <Damage />
      <Numbers />
      <LastHour />
      <OwnCharts />
      <Recent />
    </>
  );
}

/** Appears only if something is damaged. */
function Damage() {
  const { status } = useLive();
  if (status === undefined || status.damage.length === 0) return null;
  return (
    <Section title="Damaged">
      <p role="alert">
        The disk has changed or lost files. <code>quantbot-bus doctor</code> says what to do.
      </p>
      <ul>
        {status.damage.map(({ code, what, detail }) => (
          <li key={what}>
            <strong>{what}</strong> ({code}): {detail}
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Numbers() {
  const { status } = useLive();
  const exports = useAsked(signal => get<{ exports: Export[] }>('/exports', {}, signal), ['exports'], 'exports');
  if (status === undefined) return <p class="quiet">Loading…</p>;
  const failing = exports.data?.exports.filter(({ ok }) => ok === false).length ?? 0;
  const { queue, jobs, lastCommittedAt, lastSeq, oldestJobAgeS, cluster, gc } = status;
  return (
    <Facts
      facts={{
        Waiting: <a href={listLink('jobs', {})}>{count(queue.inbox)}</a>,
        'Being worked on': count(queue.claimed),
        'Oldest waits for': queue.inbox + queue.claimed === 0 ? '–' : duration(oldestJobAgeS * 1000),
        // As in the list: with the operations that are done.
        'Jobs ingested': <a href={listLink('jobs', { status: 'ingested' })}>{count(jobs.ingested + jobs.done)}</a>,
        Duplicates: <a href={listLink('jobs', { status: 'duplicate' })}>{count(jobs.duplicate)}</a>,
        Rejected: (
          <a class={jobs.rejected > 0 ? 'bad' : undefined} href={listLink('jobs', { status: 'rejected' })}>
            {count(jobs.rejected)}
          </a>
        ),
        ...(jobs.dismissed > 0 && {
          Dismissed: <a href={listLink('jobs', { status: 'dismissed' })}>{count(jobs.dismissed)}</a>,
        }),
        ...(failing > 0 && {
          'Exports that fail': (
            <a class="bad" href={listLink('exports', { sort: 'State' })}>
              {count(failing)}
            </a>
          ),
        }),
        Artifacts: <a href={listLink('artifacts', {})}>{count(status.artifacts)}</a>,
        Stored: <a href={listLink('space', {})}>{bytes(status.bytes)}</a>,
        'Last commit':
          lastCommittedAt === null ? (
            'none yet'
          ) : (
            <>
              seq {count(lastSeq)}, <Time at={lastCommittedAt} />
            </>
          ),
        ...(gc !== null && {
          'Garbage collection': (
            <>
              {count(gc.removed)} removed, {bytes(gc.bytes)}, <Time at={gc.endedAt} />
            </>
          ),
        }),
        ...(cluster !== null && {
          'Readers see': `seq ${count(cluster.publishedSeq)}`,
          Daemons: `${count(cluster.daemons)}; this one ${cluster.publishes ? 'publishes' : 'does not publish'}`,
        }),
      }}
    />
  );
}

function LastHour() {
  const { samples } = useLive();
  const x = useMemo(() => samples.map(({ at }) => at / 1000), [samples]);
  const line = (name: string, value: (sample: Sample) => number | null) => ({ name, values: samples.map(value) });
  const lines = useMemo(
    () => ({
      queue: [line('jobs', ({ queue }) => queue)],
      rate: [line('settled', ({ jobs }) => jobs / 5), line('rejected', ({ rejected }) => rejected / 5)],
      latency: [
        line('median', ({ latencyMedianMs }) => latencyMedianMs),
        line('99 %', ({ latencyP99Ms }) => latencyP99Ms),
      ],
    }),
    [samples],
  );
  const short = (n: number) => count(Math.round(n * 10) / 10);
  return (
    <Section title="The last hour">
      <div class="charts">
        <LineChart title="Queue" x={x} isTime lines={lines.queue} format={short} />
        <LineChart title="Jobs per second" x={x} isTime lines={lines.rate} format={short} />
        <LineChart title="From submission to visible" x={x} isTime lines={lines.latency} format={duration} />
      </div>
    </Section>
  );
}

/** The charts of the configuration. */
function OwnCharts() {
  const asked = useAsked(signal => get<{ charts: Chart[] }>('/charts', {}, signal), ['charts']);
  if (asked.data?.charts.length === 0) return null;
  return (
    <Section title="Your data">
      <Shown asked={asked}>
        {({ charts }) => (
          <div class="charts">
            {charts.map(chart => (
              <OwnChart key={chart.title} chart={chart} />
            ))}
          </div>
        )}
      </Shown>
    </Section>
  );
}

function Recent() {
  const recent = useAsked(signal => get<{ jobs: Job[] }>('/jobs', { limit: 10 }, signal), ['recent'], 'jobs');
  const rejected = useAsked(
    signal => get<{ jobs: Job[] }>('/jobs', { status: 'rejected', limit: 5 }, signal),
    ['rejected'],
    'jobs',
  );
  return (
    <>
      <Section title="Recent jobs" aside={<a href="#/jobs">All jobs</a>}>
        <Shown asked={recent}>
          {({ jobs }) => <JobTable caption="Recent jobs" jobs={jobs} empty={<FirstJob />} />}
        </Shown>
      </Section>
      <Section title="Rejected" aside={<a href={listLink('jobs', { status: 'rejected' })}>All rejected jobs</a>}>
        <Shown asked={rejected}>
          {({ jobs }) => <JobTable caption="Rejected jobs" jobs={jobs} empty="Nothing was rejected." />}
        </Shown>
      </Section>
    </>
  );
}

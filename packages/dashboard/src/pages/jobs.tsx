import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { useAsked, useList } from '../ask.js';
import { type Answer, ApiError, get, type Job as JobOf, post } from '../client.js';
import { AsOf } from '../parts/as-of.js';
import { Command, IdLink } from '../parts/copy.js';
import { type Filter, Filters, Nothing, nextPage, Pages } from '../parts/filters.js';
import { Facts, Problem, Section, Shown, Source, State, Time, Title } from '../parts/parts.js';
import { Table } from '../parts/table.js';
import { linkTo, useFilters } from '../route.js';
import { bytes, count } from '../words.js';
import { Dismiss } from './dismiss.js';
import { RetryAll } from './retry-all.js';

const pageSize = 50;

const filters: readonly Filter[] = [
  { name: 'text', label: 'Words', hint: 'id, source, message' },
  { name: 'status', label: 'State', options: ['ingested', 'duplicate', 'rejected', 'dismissed'] },
  { name: 'producer', label: 'Producer' },
  { name: 'kind', label: 'Kind' },
  { name: 'run', label: 'Run' },
  { name: 'code', label: 'Code', hint: 'SCHEMA_MISMATCH' },
  { name: 'since', label: 'From', kind: 'time' },
  { name: 'until', label: 'Until', kind: 'time' },
];

/** The next step on a bus without jobs. */
export const FirstJob = () => (
  <>
    <p>No job was submitted yet. Submit a Parquet file:</p>
    <Command text="npx quantbot-bus submit my.parquet --producer me --kind numbers --wait" />
  </>
);

/** All jobs, page by page. The address holds filters and page. */
export function Jobs() {
  const [given] = useFilters('jobs');
  const asked = useList<{ jobs: JobOf[] }>('/jobs', given, pageSize);
  return (
    <>
      <Title>Jobs</Title>
      <Filters place="jobs" filters={filters} />
      <AsOf place="jobs" />
      {(given.status === 'rejected' || given.code !== undefined) && (
        <RetryAll key={JSON.stringify(given)} given={given} />
      )}
      <Shown asked={asked}>
        {({ jobs, given }) => {
          const before = jobs.findLast(job => job.settled !== null)?.settled?.seq;
          const empty = (
            <Nothing place="jobs" given={given}>
              <FirstJob />
            </Nothing>
          );
          return (
            <>
              <JobTable caption="Jobs" jobs={jobs} empty={empty} place="jobs" />
              <Pages
                place="jobs"
                given={given}
                next={nextPage(
                  given,
                  pageSize,
                  jobs.length === pageSize && before !== undefined ? { before } : undefined,
                )}
              />
            </>
          );
        }}
      </Shown>
    </>
  );
}

/** Jobs as a table, open ones included. What people look for comes first, ids last. */
export function JobTable({
  caption,
  jobs,
  empty,
  place,
}: {
  caption: string;
  jobs: readonly JobOf[];
  empty?: ComponentChildren;
  /** The list whose address holds the order; none if it is a part of another page. */
  place?: string;
}) {
  return (
    <Table
      caption={caption}
      rows={jobs}
      empty={empty}
      place={place}
      keyOf={({ jobId, settled }) => `${jobId} ${settled?.seq}`}
      columns={[
        { head: 'State', sort: 'state', cell: ({ state }) => <State state={state} /> },
        { head: 'What', sort: 'source', cell: job => <What job={job} /> },
        { head: 'When', sort: 'when', cell: ({ at }) => <Time at={at} /> },
        { head: 'Rows', sort: 'rows', isNumber: true, cell: ({ settled }) => settled && count(settled.rows) },
        {
          head: 'Artifacts',
          sort: 'artifacts',
          isNumber: true,
          isMinor: true,
          cell: ({ settled }) => settled && count(settled.artifacts),
        },
        {
          head: 'Run',
          sort: 'run',
          isMinor: true,
          cell: ({ settled }) => settled?.runId && <IdLink place="runs" id={settled.runId} />,
        },
        { head: 'Job', sort: 'job', isMinor: true, cell: ({ jobId }) => <IdLink place="jobs" id={jobId} /> },
      ]}
    />
  );
}

/** The source of a job, as a link to the job, and the code of a rejection. */
function What({ job: { jobId, settled, rejection } }: { job: JobOf }) {
  return (
    <>
      <a class="wraps" href={linkTo('jobs', jobId)}>
        {settled?.producer && settled.kind ? <Source producer={settled.producer} kind={settled.kind} /> : jobId}
      </a>
      {rejection !== null && <div class="quiet">{rejection.code}</div>}
      {rejection?.dismissed && <div class="quiet wraps">{rejection.dismissed.note}</div>}
    </>
  );
}

/** A job. A rejected one shows its hint. */
export function Job({ jobId }: { jobId: string }) {
  const asked = useAsked(signal => get<JobOf>(`/jobs/${encodeURIComponent(jobId)}`, {}, signal), [jobId], 'jobs');
  return (
    <>
      <Title>Job {jobId}</Title>
      <Shown asked={asked}>
        {job => (
          <>
            <Facts
              facts={{
                State: <State state={job.state} />,
                When: <Time at={job.at} />,
                ...(job.settled !== null && {
                  Seq: count(job.settled.seq),
                  Run: job.settled.runId && <a href={linkTo('runs', job.settled.runId)}>{job.settled.runId}</a>,
                  Producer: job.settled.producer,
                  Kind: job.settled.kind,
                  Artifacts: count(job.settled.artifacts),
                  Rows: count(job.settled.rows),
                  Size: bytes(job.settled.bytes),
                }),
              }}
            />
            {job.settled !== null && job.settled.artifacts > 0 && job.state !== 'rejected' && (
              <Artifacts job={job} settled={job.settled} />
            )}
            {job.rejection !== null && <Rejection key={`${jobId}/${job.at}`} jobId={jobId} rejection={job.rejection} />}
          </>
        )}
      </Shown>
    </>
  );
}

const maxArtifacts = 50;

/** The artifacts that a job brought. Those that were there before are not among them. */
function Artifacts({ job, settled }: { job: JobOf; settled: NonNullable<JobOf['settled']> }) {
  const sql = `SELECT artifact_key, artifact_id, schema_hint, rows, bytes FROM catalog.artifacts_f
WHERE seq = ${settled.seq} ORDER BY ordinal`;
  const asked = useAsked(signal => post<Answer>('/query', { sql, limit: maxArtifacts }, signal), [job.jobId, sql]);
  return (
    <Section title="Artifacts" aside={settled.runId && <a href={linkTo('runs', settled.runId)}>All of its run</a>}>
      <Shown asked={asked}>
        {({ rows, isCut }) => (
          <>
            <Table
              caption="Artifacts of the job"
              rows={rows}
              empty="It brought none that the bus did not have."
              columns={[
                {
                  head: 'Artifact',
                  cell: ([key, id]) => <IdLink place="artifacts" id={String(key)} text={String(id)} />,
                },
                { head: 'Hint', cell: ([, , hint]) => (hint === null ? 'none' : String(hint)) },
                { head: 'Rows', isNumber: true, cell: ([, , , rows]) => count(Number(rows)) },
                { head: 'Size', isNumber: true, isMinor: true, cell: ([, , , , size]) => bytes(Number(size)) },
              ]}
            />
            {isCut && <p class="quiet">Only the first {count(maxArtifacts)} artifacts.</p>}
          </>
        )}
      </Shown>
    </Section>
  );
}

/** A hint that says what to type in several libraries has a line for each. */
const eachLibrary = /(?<=[:;.]) (?=[Ii]n (?:pandas|polars|DuckDB), )/;

function Rejection({ jobId, rejection }: { jobId: string; rejection: NonNullable<JobOf['rejection']> }) {
  const [error, setError] = useState<ApiError>();
  const [isSent, setIsSent] = useState(false);
  const [isSending, setIsSending] = useState(false);
  // The sentence of a job with one mistake has it already.
  const details = rejection.details.filter(detail => !rejection.error.includes(detail));
  const retry = async () => {
    setError(undefined);
    setIsSending(true);
    try {
      await post(`/jobs/${encodeURIComponent(jobId)}/retry`, {});
      setIsSent(true);
    } catch (refused) {
      if (!(refused instanceof ApiError)) throw refused;
      setError(refused);
    } finally {
      setIsSending(false);
    }
  };
  return (
    <Section title="Why it was rejected">
      <div class="problem">
        <p>
          <strong>{rejection.error}</strong> <code>{rejection.code}</code>
        </p>
        {details.length > 0 && (
          <ul>
            {details.map(detail => (
              <li key={detail}>{detail}</li>
            ))}
          </ul>
        )}
        {rejection.hint.split(eachLibrary).map(line => (
          <p key={line}>{line}</p>
        ))}
      </div>
      {rejection.canRetry && !isSent && (
        <p>
          <button type="button" onClick={retry} disabled={isSending}>
            Retry
          </button>{' '}
          once the cause is gone: it goes back into the inbox as it came.
        </p>
      )}
      {rejection.dismissed === null ? (
        !isSent && (
          <div class="acts">
            <Dismiss jobs={[jobId]} them="this job" />
          </div>
        )
      ) : (
        <p>
          Dismissed <Time at={rejection.dismissed.at} />
          {rejection.dismissed.by !== null && ` by ${rejection.dismissed.by}`}: {rejection.dismissed.note}
        </p>
      )}
      {isSent && <p role="status">It is in the inbox again.</p>}
      {error !== undefined && <Problem error={error} />}
    </Section>
  );
}

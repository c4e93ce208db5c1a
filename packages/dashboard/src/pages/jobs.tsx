import { useState } from 'preact/hooks';
import { useAsked } from '../ask.js';
import { ApiError, get, type Job as JobOf, post } from '../client.js';
import { Facts, Problem, Section, Shown, State, Time, Title } from '../parts/parts.js';
import { Table } from '../parts/table.js';
import { linkTo } from '../route.js';
import { bytes, count } from '../words.js';

const states = ['', 'ingested', 'duplicate', 'rejected'] as const;
const pageSize = 50;

/** All jobs, page by page. */
export function Jobs() {
  const [status, setStatus] = useState<string>('');
  const [before, setBefore] = useState<number>();
  const asked = useAsked(
    signal => get<{ jobs: JobOf[] }>('/jobs', { status: status || undefined, before, limit: pageSize }, signal),
    [status, before],
    'jobs',
  );
  return (
    <>
      <Title>Jobs</Title>
      <p>
        <label for="status">Which </label>
        <select
          id="status"
          value={status}
          onChange={event => {
            setStatus(event.currentTarget.value);
            setBefore(undefined);
          }}
        >
          {states.map(state => (
            <option key={state} value={state}>
              {state || 'all'}
            </option>
          ))}
        </select>
      </p>
      <Shown asked={asked}>
        {({ jobs }) => (
          <>
            <JobTable caption="Jobs" jobs={jobs} />
            <p class="pages">
              {before !== undefined && (
                <button type="button" onClick={() => setBefore(undefined)}>
                  Newest
                </button>
              )}
              {jobs.length === pageSize && (
                <button
                  type="button"
                  onClick={() => setBefore(jobs.findLast(job => job.settled !== null)?.settled?.seq)}
                >
                  Older
                </button>
              )}
            </p>
          </>
        )}
      </Shown>
    </>
  );
}

/** Jobs as a table, open ones included. */
export function JobTable({ caption, jobs, empty }: { caption: string; jobs: readonly JobOf[]; empty?: string }) {
  return (
    <Table
      caption={caption}
      rows={jobs}
      empty={empty}
      keyOf={({ jobId, settled }) => `${jobId} ${settled?.seq}`}
      columns={[
        { head: 'Job', cell: ({ jobId }) => <a href={linkTo('jobs', jobId)}>{jobId}</a> },
        { head: 'State', cell: ({ state }) => <State state={state} /> },
        { head: 'When', cell: ({ at }) => <Time at={at} /> },
        {
          head: 'Run',
          cell: ({ settled }) => settled?.runId && <a href={linkTo('runs', settled.runId)}>{settled.runId}</a>,
        },
        {
          head: 'What',
          cell: ({ settled, rejection }) =>
            rejection === null ? settled?.producer && `${settled.producer}/${settled.kind}` : rejection.code,
        },
        { head: 'Artifacts', isNumber: true, cell: ({ settled }) => settled && count(settled.artifacts) },
        { head: 'Rows', isNumber: true, cell: ({ settled }) => settled && count(settled.rows) },
      ]}
    />
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
            {job.rejection !== null && <Rejection key={`${jobId}/${job.at}`} jobId={jobId} rejection={job.rejection} />}
          </>
        )}
      </Shown>
    </>
  );
}

function Rejection({ jobId, rejection }: { jobId: string; rejection: NonNullable<JobOf['rejection']> }) {
  const [error, setError] = useState<ApiError>();
  const [isSent, setIsSent] = useState(false);
  const [isSending, setIsSending] = useState(false);
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
        {rejection.details.length > 0 && (
          <ul>
            {rejection.details.map(detail => (
              <li key={detail}>{detail}</li>
            ))}
          </ul>
        )}
        <p>{rejection.hint}</p>
      </div>
      {rejection.canRetry && !isSent && (
        <p>
          <button type="button" onClick={retry} disabled={isSending}>
            Retry
          </button>{' '}
          once the cause is gone: it goes back into the inbox as it came.
        </p>
      )}
      {isSent && <p role="status">It is in the inbox again.</p>}
      {error !== undefined && <Problem error={error} />}
    </Section>
  );
}

import { useState } from 'preact/hooks';
import { actOnEach } from '../act-on-each.js';
import { get, type Job, post } from '../client.js';
import { Act } from '../parts/act.js';
import { type Filters, ofFirstPage } from '../route.js';
import { count } from '../words.js';
import { Dismiss } from './dismiss.js';

const pageSize = 500;

/** Retries or dismisses every rejected job that matches the filters of the list, on all pages. */
export function RetryAll({ given }: { given: Filters }) {
  const { sort: _, ...filters } = ofFirstPage(given);
  const [found, setFound] = useState<Found>();
  if (found === undefined)
    return (
      <p>
        <button type="button" onClick={async () => setFound(await find(filters))}>
          Retry or dismiss all that match…
        </button>
      </p>
    );
  const them = inWords(found.retryable);
  return (
    <div class="acts">
      <Act
        name={`Retry ${them}`}
        isDisabled={found.retryable.length === 0}
        question={`Shall ${them} go back into the inbox?`}
        act={() => actOnEach(found.retryable, jobId => post(`/jobs/${encodeURIComponent(jobId)}/retry`, {}))}
        done={`${them} went back into the inbox.`}
      />
      <Dismiss jobs={found.all} them={inWords(found.all)} />
    </div>
  );
}

const inWords = ({ length }: readonly string[]): string => `${count(length)} rejected ${length === 1 ? 'job' : 'jobs'}`;

/** The ids of rejected jobs, each once. */
interface Found {
  all: readonly string[];
  /** Those whose files are still there. */
  retryable: readonly string[];
}

async function find(filters: Filters): Promise<Found> {
  const found = new Map<string, boolean>();
  let before: number | undefined;
  for (;;) {
    const { jobs } = await get<{ jobs: Job[] }>('/jobs', { ...filters, status: 'rejected', before, limit: pageSize });
    for (const { jobId, rejection } of jobs)
      found.set(jobId, found.get(jobId) === true || rejection?.canRetry === true);
    before = jobs.at(-1)?.settled?.seq;
    if (jobs.length < pageSize || before === undefined) break;
  }
  return { all: [...found.keys()], retryable: [...found].flatMap(([jobId, canRetry]) => (canRetry ? [jobId] : [])) };
}

import { useState } from 'preact/hooks';
import { get, type Job, post } from '../client.js';
import { Act } from '../parts/act.js';
import { type Filters, ofFirstPage } from '../route.js';
import { count } from '../words.js';

const pageSize = 500;

/** Retries every rejected job that matches the filters of the list, not only those of its page. */
export function RetryAll({ given }: { given: Filters }) {
  const { sort: _, ...filters } = ofFirstPage(given);
  const [found, setFound] = useState<readonly string[]>();
  if (found === undefined)
    return (
      <p>
        <button type="button" onClick={async () => setFound(await retryable(filters))}>
          Retry all that match…
        </button>
      </p>
    );
  const them = `${count(found.length)} rejected ${found.length === 1 ? 'job' : 'jobs'}`;
  return (
    <Act
      name={`Retry ${them}`}
      isDisabled={found.length === 0}
      question={`Shall ${them} go back into the inbox?`}
      act={async () => {
        for (const jobId of found) await post(`/jobs/${encodeURIComponent(jobId)}/retry`, {});
      }}
      done={`${them} went back into the inbox.`}
    />
  );
}

/** The ids of the rejected jobs whose files are still there, each once. */
async function retryable(filters: Filters): Promise<readonly string[]> {
  const ids = new Set<string>();
  let before: number | undefined;
  for (;;) {
    const { jobs } = await get<{ jobs: Job[] }>('/jobs', { ...filters, status: 'rejected', before, limit: pageSize });
    for (const { jobId, rejection } of jobs) if (rejection?.canRetry) ids.add(jobId);
    before = jobs.at(-1)?.settled?.seq;
    if (jobs.length < pageSize || before === undefined) return [...ids];
  }
}

import { useState } from 'preact/hooks';
import { useAsked } from '../ask.js';
import { type Artifact, get, type Job, type Run as RunOf } from '../client.js';
import { Facts, Section, Shown, Time, Title } from '../parts/parts.js';
import { Table } from '../parts/table.js';
import { linkTo } from '../route.js';
import { bytes, count } from '../words.js';
import { ArtifactTable } from './artifacts.js';
import { JobTable } from './jobs.js';

const pageSize = 50;

/** All runs, page by page. */
export function Runs() {
  const [before, setBefore] = useState<number>();
  const asked = useAsked(
    signal => get<{ runs: RunOf[] }>('/runs', { before, limit: pageSize }, signal),
    [before],
    'jobs',
  );
  return (
    <>
      <Title>Runs</Title>
      <Shown asked={asked}>
        {({ runs }) => (
          <>
            <Table
              caption="Runs"
              rows={runs}
              keyOf={({ runId }) => runId}
              columns={[
                { head: 'Run', cell: ({ runId }) => <a href={linkTo('runs', runId)}>{runId}</a> },
                { head: 'Producers', cell: ({ producers }) => producers.join(', ') },
                { head: 'Kinds', cell: ({ kinds }) => kinds.join(', ') },
                { head: 'Artifacts', isNumber: true, cell: ({ artifacts }) => count(artifacts) },
                { head: 'Rows', isNumber: true, cell: ({ rows }) => count(rows) },
                { head: 'Size', isNumber: true, cell: run => bytes(run.bytes) },
                { head: 'Last commit', cell: ({ lastCommittedAt }) => <Time at={lastCommittedAt} /> },
              ]}
            />
            {runs.length === pageSize && (
              <button type="button" onClick={() => setBefore(runs.at(-1)?.lastSeq)}>
                Older
              </button>
            )}
          </>
        )}
      </Shown>
    </>
  );
}

/** A run: its artifacts and its jobs. */
export function Run({ runId }: { runId: string }) {
  const run = useAsked(signal => get<{ runs: RunOf[] }>('/runs', { run: runId }, signal), [runId], 'jobs');
  const artifacts = useAsked(
    signal => get<{ artifacts: Artifact[] }>('/artifacts', { run: runId, limit: 200 }, signal),
    [runId],
    'jobs',
  );
  const jobs = useAsked(signal => get<{ jobs: Job[] }>('/jobs', { run: runId, limit: 100 }, signal), [runId], 'jobs');
  return (
    <>
      <Title>Run {runId}</Title>
      <Shown asked={run}>
        {({ runs: [found] }) =>
          found === undefined ? (
            <p class="quiet">Nothing that carries this run id is in the catalog.</p>
          ) : (
            <Facts
              facts={{
                Producers: found.producers.join(', '),
                Kinds: found.kinds.join(', '),
                Jobs: count(found.jobs),
                Artifacts: count(found.artifacts),
                Rows: count(found.rows),
                Size: bytes(found.bytes),
                'First commit': <Time at={found.firstCommittedAt} />,
                'Last commit': <Time at={found.lastCommittedAt} />,
              }}
            />
          )
        }
      </Shown>
      <Section title="Artifacts">
        <Shown asked={artifacts}>
          {found => <ArtifactTable caption="Artifacts of the run" artifacts={found.artifacts} />}
        </Shown>
      </Section>
      <Section title="Jobs">
        <Shown asked={jobs}>{found => <JobTable caption="Jobs of the run" jobs={found.jobs} />}</Shown>
      </Section>
    </>
  );
}

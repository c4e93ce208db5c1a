import { useAsked, useList } from '../ask.js';
import { type Artifact, get, type Job, type Run as RunOf } from '../client.js';
import { Command, IdLink } from '../parts/copy.js';
import { type Filter, Filters, Nothing, nextPage, Pages } from '../parts/filters.js';
import { Facts, Section, Shown, Time, Title } from '../parts/parts.js';
import { Table } from '../parts/table.js';
import { listLink, useFilters } from '../route.js';
import { bytes, count } from '../words.js';
import { ArtifactTable } from './artifacts.js';
import { JobTable } from './jobs.js';

const pageSize = 50;
const shownNames = 2;
const filters: readonly Filter[] = [{ name: 'text', label: 'Words', hint: 'id, producer, kind' }];

/** All runs, page by page. */
export function Runs() {
  const [given] = useFilters('runs');
  const asked = useList<{ runs: RunOf[] }>('/runs', given, pageSize);
  return (
    <>
      <Title>Runs</Title>
      <Filters place="runs" filters={filters} />
      <Shown asked={asked}>
        {({ runs, given }) => {
          const last = runs.length === pageSize ? runs.at(-1) : undefined;
          return (
            <>
              <Table
                caption="Runs"
                place="runs"
                rows={runs}
                empty={
                  <Nothing place="runs" given={given}>
                    <p>No run has an artifact yet. Give each execution of your program a run id:</p>
                    <Command text="npx quantbot-bus submit my.parquet --run-id run-1 --producer me --kind numbers" />
                  </Nothing>
                }
                keyOf={({ runId }) => runId}
                columns={[
                  { head: 'Run', sort: 'run', cell: ({ runId }) => <IdLink place="runs" id={runId} /> },
                  { head: 'Last commit', sort: 'when', cell: ({ lastCommittedAt }) => <Time at={lastCommittedAt} /> },
                  { head: 'Artifacts', sort: 'artifacts', isNumber: true, cell: ({ artifacts }) => count(artifacts) },
                  { head: 'Rows', sort: 'rows', isNumber: true, cell: ({ rows }) => count(rows) },
                  { head: 'Size', sort: 'size', isNumber: true, isMinor: true, cell: run => bytes(run.bytes) },
                  { head: 'Producers', isMinor: true, cell: ({ producers }) => <Names names={producers} /> },
                  { head: 'Kinds', isMinor: true, cell: ({ kinds }) => <Names names={kinds} /> },
                ]}
              />
              <Pages place="runs" given={given} next={nextPage(given, pageSize, last && { before: last.lastSeq })} />
            </>
          );
        }}
      </Shown>
    </>
  );
}

/** The first names of a list. The others are in the tooltip. */
function Names({ names }: { names: readonly string[] }) {
  const left = names.length - shownNames;
  return (
    <span title={names.join(', ')}>
      {names.slice(0, shownNames).join(', ')}
      {left > 0 && ` and ${left} more`}
    </span>
  );
}

/** A run: its artifacts and its jobs. */
export function Run({ runId }: { runId: string }) {
  const run = useAsked(signal => get<{ runs: RunOf[] }>('/runs', { run: runId }, signal), [runId], 'jobs');
  const artifacts = useAsked(
    signal => get<{ artifacts: Artifact[] }>('/artifacts', { run: runId, limit: 50 }, signal),
    [runId],
    'jobs',
  );
  const jobs = useAsked(signal => get<{ jobs: Job[] }>('/jobs', { run: runId, limit: 50 }, signal), [runId], 'jobs');
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
      <p>
        <a href={listLink('compare-runs', { left: runId })}>Compare with another run</a>
      </p>
      <Section title="Artifacts" aside={<a href={listLink('artifacts', { run: runId })}>All of them</a>}>
        <Shown asked={artifacts}>
          {found => <ArtifactTable caption="Artifacts of the run" artifacts={found.artifacts} />}
        </Shown>
      </Section>
      <Section title="Jobs" aside={<a href={listLink('jobs', { run: runId })}>All of them</a>}>
        <Shown asked={jobs}>{found => <JobTable caption="Jobs of the run" jobs={found.jobs} />}</Shown>
      </Section>
    </>
  );
}

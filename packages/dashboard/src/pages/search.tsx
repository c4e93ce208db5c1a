import type { ComponentChildren } from 'preact';
import { useAsked, useList } from '../ask.js';
import { type Artifact, type Export, get, type Job, type Run, type Table as TableOf } from '../client.js';
import { IdLink } from '../parts/copy.js';
import { Section, Shown, Time, Title } from '../parts/parts.js';
import { Table } from '../parts/table.js';
import { linkTo, listLink, useFilters } from '../route.js';
import { count, hasWords } from '../words.js';
import { ArtifactTable } from './artifacts.js';
import { JobTable } from './jobs.js';
import { wordsOf } from './tables.js';

const limit = 10;
const none = 'None.';

/** Everything that has the words of the address in it: `#/search?text=carry`. */
export function Search() {
  const [{ text = '' }] = useFilters('search');
  if (text.trim() === '') return <Title>Type words to search for</Title>;
  return (
    <>
      <Title>Search: {text}</Title>
      <Tables text={text} />
      <Runs text={text} />
      <Artifacts text={text} />
      <Jobs text={text} />
    </>
  );
}

/** Canonical tables and exports. There are few, and the page has them all. */
function Tables({ text }: { text: string }) {
  const tables = useAsked(signal => get<{ tables: TableOf[] }>('/tables', {}, signal), ['tables'], 'jobs');
  const exports = useAsked(signal => get<{ exports: Export[] }>('/exports', {}, signal), ['exports'], 'exports');
  const names = [
    ...(tables.data?.tables ?? [])
      .filter(table => hasWords(wordsOf(table), text))
      .map(({ name }) => ({ name: `canon.${name}`, what: 'table', link: linkTo('tables', name) })),
    ...(exports.data?.exports ?? [])
      .filter(({ name }) => hasWords(name, text))
      .map(({ name }) => ({ name, what: 'export', link: listLink('exports', { text: name }) })),
  ];
  return (
    <Section title="Tables and exports">
      <Shown asked={tables}>
        {() => (
          <Table
            caption="Tables and exports"
            rows={names.slice(0, limit)}
            empty={none}
            columns={[
              { head: 'Name', cell: ({ name, link }) => <a href={link}>{name}</a> },
              { head: 'What', cell: ({ what }) => what },
            ]}
          />
        )}
      </Shown>
      <More
        isCut={names.length > limit}
        link={listLink(names.every(({ what }) => what === 'export') ? 'exports' : 'tables', { text })}
      />
    </Section>
  );
}

function Runs({ text }: { text: string }) {
  const asked = useList<{ runs: Run[] }>('/runs', { text }, limit);
  return (
    <Section title="Runs">
      <Shown asked={asked}>
        {({ runs, given }) => (
          <>
            <Table
              caption="Runs"
              rows={runs}
              empty={none}
              columns={[
                { head: 'Run', cell: ({ runId }) => <IdLink place="runs" id={runId} /> },
                { head: 'Last commit', cell: ({ lastCommittedAt }) => <Time at={lastCommittedAt} /> },
                { head: 'Artifacts', isNumber: true, cell: ({ artifacts }) => count(artifacts) },
              ]}
            />
            <More isCut={runs.length === limit} link={listLink('runs', given)} />
          </>
        )}
      </Shown>
    </Section>
  );
}

function Artifacts({ text }: { text: string }) {
  const asked = useList<{ artifacts: Artifact[] }>('/artifacts', { text }, limit);
  return (
    <Section title="Artifacts">
      <Shown asked={asked}>
        {({ artifacts, given }) => (
          <>
            <ArtifactTable caption="Artifacts" artifacts={artifacts} empty={none} />
            <More isCut={artifacts.length === limit} link={listLink('artifacts', given)} />
          </>
        )}
      </Shown>
    </Section>
  );
}

function Jobs({ text }: { text: string }) {
  const asked = useList<{ jobs: Job[] }>('/jobs', { text }, limit);
  return (
    <Section title="Jobs">
      <Shown asked={asked}>
        {({ jobs, given }) => (
          <>
            <JobTable caption="Jobs" jobs={jobs} empty={none} />
            <More isCut={jobs.length === limit} link={listLink('jobs', given)} />
          </>
        )}
      </Shown>
    </Section>
  );
}

const More = ({ isCut, link }: { isCut: boolean; link: string }): ComponentChildren =>
  isCut && (
    <p class="pages">
      <a href={link}>All that match</a>
    </p>
  );

import { exactJson } from '@quantbot/infra/visible';
import type { ComponentChildren } from 'preact';
import { useAsked, useList } from '../ask.js';
import { type Answer, type Artifact as ArtifactOf, get, type Lineage } from '../client.js';
import { AsOf } from '../parts/as-of.js';
import { Command, Copy, IdLink } from '../parts/copy.js';
import { Download } from '../parts/download.js';
import { type Filter, Filters, Nothing, nextPage, Pages } from '../parts/filters.js';
import { LineageGraph } from '../parts/graph.js';
import { Facts, Section, Shown, Source, Time, Title } from '../parts/parts.js';
import { Profile } from '../parts/profile.js';
import { fileSql, fileWays, HowToRead } from '../parts/read.js';
import { Scroll } from '../parts/scroll.js';
import { AnswerTable, Table } from '../parts/table.js';
import { linkTo, listLink, useFilters } from '../route.js';
import { bytes, count } from '../words.js';
import { ArtifactActions } from './artifact-actions.js';

const depth = 3;

const pageSize = 50;

const filters: readonly Filter[] = [
  { name: 'text', label: 'Words', hint: 'part of a key, meta.name=value' },
  { name: 'producer', label: 'Producer' },
  { name: 'kind', label: 'Kind' },
  { name: 'artifact', label: 'Artifact id' },
  { name: 'run', label: 'Run' },
  { name: 'quarantined', label: 'In quarantine', options: ['yes', 'no'] },
  { name: 'since', label: 'From', kind: 'time' },
  { name: 'until', label: 'Until', kind: 'time' },
];

/** All artifacts, page by page. The address holds filters and page. */
export function Artifacts() {
  const [given] = useFilters('artifacts');
  const asked = useList<{ artifacts: ArtifactOf[] }>('/artifacts', given, pageSize);
  return (
    <>
      <Title>Artifacts</Title>
      <Filters place="artifacts" filters={filters} />
      <AsOf place="artifacts" />
      <Shown asked={asked}>
        {({ artifacts, given }) => {
          const last = artifacts.length === pageSize ? artifacts.at(-1) : undefined;
          const empty = (
            <Nothing place="artifacts" given={given}>
              <p>No artifact was committed yet. Submit a Parquet file:</p>
              <Command text="npx quantbot-bus submit my.parquet --producer me --kind numbers --wait" />
            </Nothing>
          );
          return (
            <>
              <ArtifactTable caption="Artifacts" artifacts={artifacts} empty={empty} place="artifacts" />
              <Pages
                place="artifacts"
                given={given}
                next={nextPage(given, pageSize, last && { before: last.seq, beforeOrdinal: last.ordinal })}
              />
            </>
          );
        }}
      </Shown>
    </>
  );
}

/** Artifacts as a table. */
export function ArtifactTable({
  caption,
  artifacts,
  empty,
  place,
}: {
  caption: string;
  artifacts: readonly ArtifactOf[];
  empty?: ComponentChildren;
  /** The list whose address holds the order; none if it is a part of another page. */
  place?: string;
}) {
  return (
    <Table
      caption={caption}
      rows={artifacts}
      empty={empty}
      place={place}
      keyOf={({ key }) => key}
      columns={[
        {
          head: 'Artifact',
          sort: 'artifact',
          cell: ({ key, artifactId, quarantined }) => (
            <>
              <IdLink place="artifacts" id={key} text={artifactId} />
              {quarantined !== null && <div class="quiet">quarantine</div>}
            </>
          ),
        },
        {
          head: 'Source',
          sort: 'source',
          cell: ({ producer, kind }) => (
            <a class="wraps" href={listLink('artifacts', { producer, kind })}>
              <Source producer={producer} kind={kind} />
            </a>
          ),
        },
        { head: 'When', sort: 'when', cell: ({ committedAt }) => <Time at={committedAt} /> },
        { head: 'Rows', sort: 'rows', isNumber: true, cell: ({ rows }) => count(rows) },
        { head: 'Size', sort: 'size', isNumber: true, isMinor: true, cell: artifact => bytes(artifact.bytes) },
        { head: 'Run', sort: 'run', isMinor: true, cell: ({ runId }) => <IdLink place="runs" id={runId} /> },
      ]}
    />
  );
}

/** An artifact: its origin and its content. */
export function Artifact({ id }: { id: string }) {
  const found = useAsked(signal => get<{ artifacts: ArtifactOf[] }>('/artifacts', { key: id }, signal), [id], 'jobs');
  const artifact = found.data?.artifacts[0];
  const lineage = useAsked(signal => get<Lineage>('/lineage', { key: id, depth }, signal), [id], 'jobs');
  return (
    <>
      <Title>{id.split('/').at(-1)}</Title>
      <p role="status" class="quiet">
        {artifact?.forgottenAt && (
          <>
            Forgotten <Time at={artifact.forgottenAt} />: its bytes go, and its entry in the catalog stays.
          </>
        )}
      </p>
      <Shown asked={found}>
        {({ artifacts: [artifact] }) =>
          artifact === undefined ? (
            <p class="quiet">The catalog has no artifact {id}.</p>
          ) : (
            <>
              {artifact.quarantined !== null && <Quarantine id={id} problems={artifact.quarantined} />}
              <Known artifact={artifact} />
            </>
          )
        }
      </Shown>
      {artifact?.forgottenAt === null && <ArtifactActions artifact={artifact} />}
      {artifact !== undefined && <Before artifact={artifact} />}
      <Section title="Lineage">
        <Shown asked={lineage}>{edges => <LineageGraph lineage={edges} />}</Shown>
      </Section>
      {artifact?.forgottenAt === null && (
        <>
          <Preview id={id} path={artifact.path} />
          <Profile ask={signal => get<Answer>('/profile', { key: id }, signal)} />
        </>
      )}
    </>
  );
}

/** Why the rows of an artifact are not in its table, and the command that lets them in. */
function Quarantine({ id, problems }: { id: string; problems: readonly string[] }) {
  return (
    <Section title="Quarantine">
      <div class="problem">
        <p>
          <strong>The artifact breaks rules of its table, so its rows are not there.</strong>
        </p>
        <ul>
          {problems.map(problem => (
            <li key={problem}>{problem}</li>
          ))}
        </ul>
        <p>To let them in, release it. An artifact that was released before is an input of the one that did it.</p>
      </div>
      <Command text={`npx quantbot-bus release ${id}`} />
    </Section>
  );
}

/** The address of an artifact's file. */
const fileOf = ({ runId, producer, kind, artifactId }: ArtifactOf): string =>
  `/api/v1/artifacts/${[runId, producer, kind, artifactId].map(encodeURIComponent).join('/')}/file`;

function Known({ artifact }: { artifact: ArtifactOf }) {
  const { producer, kind, runId, jobId, schemaHint, schema, meta, provenance } = artifact;
  const table = /^canon\.(\w+)$/.exec(schemaHint ?? '')?.[1]?.toLowerCase();
  return (
    <>
      <Facts
        facts={{
          Key: (
            <>
              <code>{artifact.key}</code> <Copy text={artifact.key} name="the key" />
            </>
          ),
          Producer: producer,
          Kind: kind,
          Run: <a href={linkTo('runs', runId)}>{runId}</a>,
          Job: <IdLink place="jobs" id={jobId} />,
          Seq: count(artifact.seq),
          Rows: count(artifact.rows),
          Size: bytes(artifact.bytes),
          Committed: <Time at={artifact.committedAt} />,
          Table: table === undefined ? (schemaHint ?? 'none') : <a href={linkTo('tables', table)}>canon.{table}</a>,
          File: (
            <>
              <code>{artifact.path}</code>{' '}
              {artifact.forgottenAt === null && (
                <a href={fileOf(artifact)} download={`${artifact.artifactId}.parquet`}>
                  Download
                </a>
              )}
            </>
          ),
          'SHA-256': <code>{artifact.sha256}</code>,
        }}
      />
      {artifact.forgottenAt === null && <HowToRead ways={fileWays(artifact.path)} />}
      {[
        ['What the producer says of it', meta],
        ['Provenance', provenance],
      ].map(([title, value]) =>
        value === null ? null : (
          <Section key={title} title={String(title)}>
            <Scroll label={String(title)} kind="text">
              <pre>{exactJson(value, 2)}</pre>
            </Scroll>
          </Section>
        ),
      )}
      <Section title="Columns">
        <Table
          caption="Columns"
          rows={schema}
          columns={[
            { head: 'Name', cell: ({ name }) => name },
            { head: 'Type', cell: ({ type }) => <code>{type}</code> },
            { head: 'NULL', cell: ({ nullable }) => (nullable ? 'possible' : 'never') },
          ]}
        />
      </Section>
    </>
  );
}

/** The link that compares an artifact with the one of the same source before it. */
function Before({ artifact: { key, producer, kind, artifactId, seq, ordinal } }: { artifact: ArtifactOf }) {
  const filters = { producer, kind, artifact: artifactId, before: seq, beforeOrdinal: ordinal, limit: 1 };
  const asked = useAsked(signal => get<{ artifacts: ArtifactOf[] }>('/artifacts', filters, signal), ['before', key]);
  const before = asked.data?.artifacts[0];
  return (
    <p>
      <a href={listLink('compare', { left: before?.key, right: key })}>
        {before === undefined ? 'Compare with another artifact' : `Compare with the one before, of run ${before.runId}`}
      </a>
    </p>
  );
}

function Preview({ id, path }: { id: string; path: string }) {
  const rows = useAsked(signal => get<Answer>('/preview', { key: id, limit: 50 }, signal), [id]);
  return (
    <Section title="First rows">
      <Shown asked={rows}>{answer => <AnswerTable caption="First rows" answer={answer} />}</Shown>
      <Download sql={fileSql(path)} name="Arrow" />
    </Section>
  );
}

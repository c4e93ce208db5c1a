import { exactJson } from '@quantbot/infra/visible';
import { useState } from 'preact/hooks';
import { useAsked } from '../ask.js';
import { type Answer, type Artifact as ArtifactOf, get, type Lineage } from '../client.js';
import { LineageGraph } from '../parts/graph.js';
import { Facts, Section, Shown, Time, Title } from '../parts/parts.js';
import { Scroll } from '../parts/scroll.js';
import { AnswerTable, Table } from '../parts/table.js';
import { linkTo } from '../route.js';
import { bytes, count } from '../words.js';

const depth = 3;

/** The newest artifacts, optionally of one producer and kind. */
export function Artifacts() {
  const [producer, setProducer] = useState('');
  const [kind, setKind] = useState('');
  const asked = useAsked(
    signal =>
      get<{ artifacts: ArtifactOf[] }>(
        '/artifacts',
        { producer: producer || undefined, kind: kind || undefined, limit: 100 },
        signal,
      ),
    [producer, kind],
    'jobs',
  );
  return (
    <>
      <Title>Artifacts</Title>
      <p class="filters">
        <label>
          Producer <input value={producer} onChange={event => setProducer(event.currentTarget.value.trim())} />
        </label>
        <label>
          Kind <input value={kind} onChange={event => setKind(event.currentTarget.value.trim())} />
        </label>
      </p>
      <Shown asked={asked}>
        {({ artifacts }) => <ArtifactTable caption="Newest artifacts" artifacts={artifacts} />}
      </Shown>
    </>
  );
}

/** Artifacts as a table. */
export function ArtifactTable({ caption, artifacts }: { caption: string; artifacts: readonly ArtifactOf[] }) {
  return (
    <Table
      caption={caption}
      rows={artifacts}
      keyOf={({ key }) => key}
      columns={[
        { head: 'Artifact', cell: ({ key, artifactId }) => <a href={linkTo('artifacts', key)}>{artifactId}</a> },
        { head: 'Producer', cell: ({ producer }) => producer },
        { head: 'Kind', cell: ({ kind }) => kind },
        { head: 'Run', cell: ({ runId }) => <a href={linkTo('runs', runId)}>{runId}</a> },
        { head: 'Rows', isNumber: true, cell: ({ rows }) => count(rows) },
        { head: 'Size', isNumber: true, cell: artifact => bytes(artifact.bytes) },
        { head: 'Committed', cell: ({ committedAt }) => <Time at={committedAt} /> },
      ]}
    />
  );
}

/** An artifact: its origin and its content. */
export function Artifact({ id }: { id: string }) {
  const found = useAsked(signal => get<{ artifacts: ArtifactOf[] }>('/artifacts', { key: id }, signal), [id]);
  const lineage = useAsked(signal => get<Lineage>('/lineage', { key: id, depth }, signal), [id], 'jobs');
  return (
    <>
      <Title>{id.split('/').at(-1)}</Title>
      <Shown asked={found}>
        {({ artifacts: [artifact] }) =>
          artifact === undefined ? (
            <p class="quiet">The catalog has no artifact {id}.</p>
          ) : (
            <Known artifact={artifact} />
          )
        }
      </Shown>
      <Section title="Lineage">
        <Shown asked={lineage}>{edges => <LineageGraph lineage={edges} />}</Shown>
      </Section>
      {found.data?.artifacts.length === 1 && <Preview id={id} />}
    </>
  );
}

function Known({ artifact }: { artifact: ArtifactOf }) {
  const { producer, kind, runId, jobId, schemaHint, schema, meta, provenance } = artifact;
  const table = /^canon\.(\w+)$/.exec(schemaHint ?? '')?.[1]?.toLowerCase();
  return (
    <>
      <Facts
        facts={{
          Key: <code>{artifact.key}</code>,
          Producer: producer,
          Kind: kind,
          Run: <a href={linkTo('runs', runId)}>{runId}</a>,
          Job: <a href={linkTo('jobs', jobId)}>{jobId}</a>,
          Seq: count(artifact.seq),
          Rows: count(artifact.rows),
          Size: bytes(artifact.bytes),
          Committed: <Time at={artifact.committedAt} />,
          Table: table === undefined ? (schemaHint ?? 'none') : <a href={linkTo('tables', table)}>canon.{table}</a>,
          File: <code>{artifact.path}</code>,
          'SHA-256': <code>{artifact.sha256}</code>,
        }}
      />
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

function Preview({ id }: { id: string }) {
  const rows = useAsked(signal => get<Answer>('/preview', { key: id, limit: 50 }, signal), [id]);
  return (
    <Section title="First rows">
      <Shown asked={rows}>{answer => <AnswerTable caption="First rows" answer={answer} />}</Shown>
    </Section>
  );
}

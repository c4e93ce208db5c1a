import { exactJson } from '@quantbot/infra/visible';
import { useAsked } from '../ask.js';
import { type Answer, type Diff, post } from '../client.js';
import { IdLink } from '../parts/copy.js';
import { type Filter, Filters } from '../parts/filters.js';
import { Facts, Section, Shown, Title } from '../parts/parts.js';
import { Table } from '../parts/table.js';
import { linkTo, listLink, useFilters } from '../route.js';
import { count } from '../words.js';

const artifactFilters: readonly Filter[] = [
  { name: 'left', label: 'Left artifact', hint: 'run/producer/kind/artifact' },
  { name: 'right', label: 'Right artifact', hint: 'run/producer/kind/artifact' },
  { name: 'key', label: 'Columns that identify a row', hint: 'id, day' },
];

/** What differs between two artifacts. The address names both. */
export function Compare() {
  const [{ left = '', right = '', key = '' }] = useFilters('compare');
  return (
    <>
      <Title>Compare artifacts</Title>
      <Filters place="compare" filters={artifactFilters} areShown />
      {left === '' || right === '' ? (
        <p class="quiet">
          Name two artifacts. The page of an artifact has a link that compares it with the one before.
        </p>
      ) : (
        <Differences key={exactJson([left, right, key])} left={left} right={right} columns={key} />
      )}
    </>
  );
}

const namesIn = (text: string): string[] =>
  text
    .split(',')
    .map(name => name.trim())
    .filter(Boolean);

function Differences({ left, right, columns }: { left: string; right: string; columns: string }) {
  const question = { left, right, key: namesIn(columns) };
  const asked = useAsked(signal => post<Diff>('/diff', question, signal), [question]);
  return (
    <Shown asked={asked}>
      {diff => (
        <>
          <Facts
            facts={{
              Left: <ArtifactKey id={left} />,
              Right: <ArtifactKey id={right} />,
              Result: resultOf(diff),
              Rows: `${count(diff.rows.leftRows)} in the left one, ${count(diff.rows.rightRows)} in the right one`,
            }}
          />
          {diff.cut.length > 0 && (
            <p class="quiet">Compared to the microsecond only, because DuckDB reads no more: {diff.cut.join(', ')}.</p>
          )}
          <Columns diff={diff} />
          <Values title="What the producers say of them" changes={diff.meta} />
          <Values title="Provenance" changes={diff.provenance} />
          <ChangedRows diff={diff} />
          <Rows title="Rows only in the left one" {...diff.rows.onlyInLeft} />
          <Rows title="Rows only in the right one" {...diff.rows.onlyInRight} />
        </>
      )}
    </Shown>
  );
}

const ArtifactKey = ({ id }: { id: string }) => (
  <a href={linkTo('artifacts', id)}>
    <code>{id}</code>
  </a>
);

const resultOf = ({ sameBytes, equal }: Diff): string => {
  if (sameBytes) return 'The files are identical.';
  return equal ? 'The files differ, and their columns and rows are equal.' : 'They differ.';
};

function Columns({ diff: { schema } }: { diff: Diff }) {
  const rows = [
    ...schema.onlyInLeft.map(({ name, type }) => ({ name, left: type, right: '' })),
    ...schema.onlyInRight.map(({ name, type }) => ({ name, left: '', right: type })),
    ...schema.types,
  ];
  if (rows.length === 0) return null;
  return (
    <Section title="Columns">
      <Table
        caption="Columns that differ"
        rows={rows}
        columns={[
          { head: 'Column', cell: ({ name }) => name },
          { head: 'Left', cell: ({ left }) => <TypeOf type={left} /> },
          { head: 'Right', cell: ({ right }) => <TypeOf type={right} /> },
        ]}
      />
    </Section>
  );
}

const TypeOf = ({ type }: { type: string }) =>
  type === '' ? <span class="quiet">not there</span> : <code>{type}</code>;

function Values({ title, changes }: { title: string; changes: Diff['meta'] }) {
  const rows = Object.entries(changes);
  if (rows.length === 0) return null;
  return (
    <Section title={title}>
      <Table
        caption={title}
        rows={rows}
        keyOf={([name]) => name}
        columns={[
          { head: 'Name', cell: ([name]) => name },
          { head: 'Left', cell: ([, { left }]) => <Value value={left} /> },
          { head: 'Right', cell: ([, { right }]) => <Value value={right} /> },
        ]}
      />
    </Section>
  );
}

function Value({ value }: { value: unknown }) {
  if (value === undefined) return <span class="quiet">not there</span>;
  if (value === null) return <span class="quiet">NULL</span>;
  return <>{typeof value === 'string' ? value : exactJson(value)}</>;
}

function ChangedRows({ diff: { rows } }: { diff: Diff }) {
  if (rows.changed === null || rows.changed.rows === 0) return null;
  const shown = rows.changed.shown.flatMap(({ key, columns }) =>
    Object.entries(columns).map(([name, values]) => ({ key: exactJson(key), name, ...values })),
  );
  return (
    <Section title={`Rows that changed: ${count(rows.changed.rows)}`}>
      <Table
        caption="Rows that changed"
        rows={shown}
        columns={[
          { head: 'Row', cell: ({ key }) => <code>{key}</code> },
          { head: 'Column', cell: ({ name }) => name },
          { head: 'Left', cell: ({ left }) => <Value value={left} /> },
          { head: 'Right', cell: ({ right }) => <Value value={right} /> },
        ]}
      />
      <More rows={rows.changed.rows} shown={rows.changed.shown.length} />
    </Section>
  );
}

function Rows({ title, rows, shown }: { title: string } & Diff['rows']['onlyInLeft']) {
  if (rows === 0) return null;
  return (
    <Section title={`${title}: ${count(rows)}`}>
      <Table
        caption={title}
        rows={shown}
        empty="None is small enough to show."
        columns={Object.keys(shown[0] ?? {}).map(head => ({
          head,
          cell: (row: Record<string, unknown>) => <Value value={row[head]} />,
        }))}
      />
      <More rows={rows} shown={shown.length} />
    </Section>
  );
}

const More = ({ rows, shown }: { rows: number; shown: number }) =>
  rows > shown && <p class="quiet">Only the first {count(shown)}. quantbot-bus diff --limit shows more.</p>;

const runFilters: readonly Filter[] = [
  { name: 'left', label: 'Left run' },
  { name: 'right', label: 'Right run' },
];
const maxArtifacts = 1_000;

/** What differs between the artifacts of two runs. The address names both. */
export function CompareRuns() {
  const [{ left = '', right = '' }] = useFilters('compare-runs');
  return (
    <>
      <Title>Compare runs</Title>
      <Filters place="compare-runs" filters={runFilters} areShown />
      {left === '' || right === '' ? (
        <p class="quiet">Name two runs.</p>
      ) : (
        <Artifacts key={exactJson([left, right])} left={left} right={right} />
      )}
    </>
  );
}

function Artifacts({ left, right }: { left: string; right: string }) {
  const sql = sqlOf(left, right);
  const asked = useAsked(signal => post<Answer>('/query', { sql, limit: maxArtifacts }, signal), [sql], 'jobs');
  return (
    <Section title="Artifacts">
      <Shown asked={asked}>
        {({ rows, isCut }) => (
          <>
            <Table
              caption="Artifacts of the two runs"
              rows={rows.map(pairOf)}
              empty="Neither run has an artifact."
              columns={[
                { head: 'Artifact', cell: ({ name }) => <Named name={name} /> },
                {
                  head: 'Differences',
                  cell: ({ one, other, difference }) =>
                    one === null || other === null ? (
                      difference
                    ) : (
                      <a href={listLink('compare', { left: one, right: other })}>{difference}</a>
                    ),
                },
                { head: 'Left', cell: ({ one }) => <Key id={one} /> },
                { head: 'Right', cell: ({ other }) => <Key id={other} /> },
                { head: 'Rows, left', isNumber: true, isMinor: true, cell: ({ leftRows }) => leftRows },
                { head: 'Rows, right', isNumber: true, isMinor: true, cell: ({ rightRows }) => rightRows },
              ]}
            />
            {isCut && <p class="quiet">Only the first {count(maxArtifacts)} artifacts.</p>}
          </>
        )}
      </Shown>
    </Section>
  );
}

/** The id of an artifact, and below it its source. */
function Named({ name }: { name: string }) {
  const at = name.lastIndexOf('/');
  return (
    <>
      {name.slice(at + 1)}
      <div class="quiet wraps">{name.slice(0, at)}</div>
    </>
  );
}

const Key = ({ id }: { id: string | null }) =>
  id === null ? <span class="quiet">not there</span> : <IdLink place="artifacts" id={id} text="artifact" />;

/** Pairs the artifacts of two runs by producer, kind and id. Those that differ come first. */
function sqlOf(left: string, right: string): string {
  const of = (run: string) =>
    `(SELECT producer, kind, artifact_id, artifact_key, sha256, rows, meta_json FROM catalog.artifacts_f WHERE run_id = '${run.replaceAll("'", "''")}')`;
  return `SELECT concat_ws('/', producer, kind, artifact_id), l.artifact_key, r.artifact_key, l.rows, r.rows,
  l.sha256 IS NOT DISTINCT FROM r.sha256, l.meta_json IS NOT DISTINCT FROM r.meta_json
FROM ${of(left)} l FULL JOIN ${of(right)} r USING (producer, kind, artifact_id) ORDER BY 6, 7, 1`;
}

const differenceOf = (sameBytes: unknown, sameMeta: unknown): string => {
  if (sameBytes === true) return sameMeta === true ? 'equal' : 'other parameters';
  return sameMeta === true ? 'other bytes' : 'other bytes and parameters';
};

const pairOf = ([name, one, other, leftRows, rightRows, sameBytes, sameMeta]: unknown[]) => ({
  name: String(name),
  one: one as string | null,
  other: other as string | null,
  leftRows: leftRows === null ? '' : count(Number(leftRows)),
  rightRows: rightRows === null ? '' : count(Number(rightRows)),
  difference:
    one === null
      ? 'only in the right run'
      : other === null
        ? 'only in the left run'
        : differenceOf(sameBytes, sameMeta),
});

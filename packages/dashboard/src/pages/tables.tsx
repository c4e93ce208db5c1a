import { useAsked } from '../ask.js';
import { type Answer, type Export, get, post, type TableChange, type Table as TableOf } from '../client.js';
import { Facts, Section, Shown, State, Time, Title } from '../parts/parts.js';
import { AnswerTable, Table as TableView } from '../parts/table.js';
import { linkTo } from '../route.js';
import { count } from '../words.js';
import { stateOf } from './exports.js';

const useTables = () => useAsked(signal => get<{ tables: TableOf[] }>('/tables', {}, signal), ['tables'], 'jobs');

/** The canonical tables. */
export function Tables() {
  return (
    <>
      <Title>Canonical tables</Title>
      <Shown asked={useTables()}>
        {({ tables }) => (
          <TableView
            caption="Canonical tables"
            rows={tables}
            keyOf={({ name }) => name}
            columns={[
              { head: 'Table', cell: ({ name }) => <a href={linkTo('tables', name)}>canon.{name}</a> },
              { head: 'Mode', cell: ({ mode }) => mode },
              { head: 'Columns', isNumber: true, cell: ({ columns }) => count(columns.length) },
              { head: 'Artifacts', isNumber: true, cell: ({ artifacts }) => count(artifacts) },
              { head: 'Rows that came', isNumber: true, cell: ({ artifactRows }) => count(artifactRows) },
              {
                head: 'Last commit',
                cell: ({ lastCommittedAt }) => (lastCommittedAt === null ? 'none' : <Time at={lastCommittedAt} />),
              },
            ]}
          />
        )}
      </Shown>
    </>
  );
}

/** A canonical table: its columns and their history, its export, and some of its rows. */
export function Table({ name }: { name: string }) {
  const tables = useTables();
  const history = useAsked(
    signal => get<{ changes: TableChange[] }>(`/tables/${encodeURIComponent(name)}/history`, {}, signal),
    [name],
    'jobs',
  );
  const sql = `FROM canon."${name.replaceAll('"', '""')}" LIMIT 50`;
  const rows = useAsked(signal => post<Answer>('/query', { sql }, signal), [sql], 'jobs');
  return (
    <>
      <Title>canon.{name}</Title>
      <Shown asked={tables}>{data => <About table={data.tables.find(table => table.name === name)} />}</Shown>
      <Section title="History of its columns">
        <Shown asked={history}>{({ changes }) => <History changes={changes} />}</Shown>
      </Section>
      <Section title="Some rows" aside={<a href={linkTo('query', sql)}>As SQL</a>}>
        <Shown asked={rows}>{answer => <AnswerTable caption={`Rows of canon.${name}`} answer={answer} />}</Shown>
      </Section>
    </>
  );
}

function About({ table }: { table: TableOf | undefined }) {
  const exports = useAsked(signal => get<{ exports: Export[] }>('/exports', {}, signal), ['exports'], 'exports');
  if (table === undefined) return <p class="quiet">There is no such table.</p>;
  const golden = exports.data?.exports.find(({ name }) => name === table.name);
  return (
    <>
      <Facts
        facts={{
          Mode: table.mode + (table.key.length > 0 ? ` by ${table.key.join(', ')}` : ''),
          Artifacts: count(table.artifacts),
          'Rows that came': count(table.artifactRows),
          'Last job': table.lastSeq === 0 ? 'none' : `seq ${count(table.lastSeq)}`,
          'Golden export': golden === undefined ? 'none' : <State state={stateOf(golden)} />,
          ...(golden !== undefined && { File: <code>{golden.path}</code> }),
        }}
      />
      <Section title="Columns">
        <TableView
          caption="Columns"
          rows={table.columns}
          keyOf={column => column.name}
          columns={[
            { head: 'Name', cell: column => column.name },
            { head: 'Type', cell: ({ type }) => <code>{type}</code> },
            { head: 'Required', cell: ({ required }) => (required ? 'yes' : 'no') },
            { head: 'Type fixed by', cell: ({ fixedBy }) => <Fixer id={fixedBy} /> },
          ]}
        />
      </Section>
    </>
  );
}

const Fixer = ({ id }: { id: string }) =>
  id.includes('/') ? <a href={linkTo('artifacts', id)}>{id}</a> : <code>{id}</code>;

function History({ changes }: { changes: readonly TableChange[] }) {
  return (
    <TableView
      caption="History of the columns"
      empty="No artifact has changed it: it is as the configuration declares it."
      rows={changes.flatMap(({ changes: parts, ...change }) => parts.map(part => ({ ...change, ...part })))}
      columns={[
        { head: 'When', cell: ({ at }) => <Time at={at} /> },
        { head: 'Seq', isNumber: true, cell: ({ seq }) => count(seq) },
        { head: 'Column', cell: ({ column }) => column },
        { head: 'Was', cell: ({ from }) => (from === null ? 'new' : <code>{from}</code>) },
        { head: 'Became', cell: ({ to }) => <code>{to}</code> },
        { head: 'By', cell: ({ artifactKey }) => <Fixer id={artifactKey} /> },
      ]}
    />
  );
}

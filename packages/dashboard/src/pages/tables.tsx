import { useState } from 'preact/hooks';
import { useAsked, useKept } from '../ask.js';
import { type Answer, type Export, get, post, type TableChange, type Table as TableOf } from '../client.js';
import { useLive } from '../live.js';
import { AsOf, useAsOf } from '../parts/as-of.js';
import { Command } from '../parts/copy.js';
import { Download } from '../parts/download.js';
import { type Filter, Filters, Nothing } from '../parts/filters.js';
import { Facts, Section, Shown, State, Time, Title } from '../parts/parts.js';
import { Profile } from '../parts/profile.js';
import { HowToRead, tableWays } from '../parts/read.js';
import { AnswerTable, Table as TableView } from '../parts/table.js';
import { linkTo, listLink, useFilters } from '../route.js';
import { count, hasWords } from '../words.js';
import { ExportFile, stateOf } from './exports.js';
import { TableActions } from './table-actions.js';

const useTables = (restores = 0) =>
  useKept(useAsked(signal => get<{ tables: TableOf[] }>('/tables', {}, signal), ['tables', restores], 'jobs'));

const filters: readonly Filter[] = [{ name: 'text', label: 'Words', hint: 'name, column' }];

const listedAsOf = `SELECT table_name AS name, mode, artifacts, artifact_rows, coalesce(last_seq, 0),
  CAST(epoch_ms(last_committed_at) AS DOUBLE) FROM catalog.tables_d ORDER BY name`;

/** The tables as they were after a job. Their columns are on their pages. */
const useTablesAsOf = (asOf: number | undefined) =>
  useKept(
    useAsked(
      async (signal): Promise<{ tables: Listed[] }> => {
        if (asOf === undefined) return get<{ tables: TableOf[] }>('/tables', {}, signal);
        const { rows } = await post<Answer>('/query', { sql: listedAsOf, asOf, limit: 10_000 }, signal);
        return { tables: rows.map(listed) };
      },
      ['tables', asOf],
      'jobs',
    ),
  );

type Listed = Omit<TableOf, 'columns' | 'key'> & { columns?: TableOf['columns'] };

const listed = ([name, mode, artifacts, artifactRows, lastSeq, at]: unknown[]): Listed => ({
  name: String(name),
  mode: mode as TableOf['mode'],
  artifacts: Number(artifacts),
  artifactRows: Number(artifactRows),
  lastSeq: Number(lastSeq),
  lastCommittedAt: at === null ? null : new Date(Number(at)).toISOString(),
});

/** The words by which a table is found. */
export const wordsOf = ({ name, columns = [] }: Pick<Listed, 'name' | 'columns'>): string =>
  [`canon.${name}`, ...columns.map(column => column.name)].join(' ');

/** The canonical tables, now or as of a job. */
export function Tables() {
  const [given] = useFilters('tables');
  const asOf = useAsOf('tables');
  return (
    <>
      <Title>Canonical tables</Title>
      <Filters place="tables" filters={filters} />
      <AsOf place="tables" />
      <Shown asked={useTablesAsOf(asOf)}>
        {({ tables }) => (
          <TableView
            caption="Canonical tables"
            place="tables"
            rows={tables.filter(table => hasWords(wordsOf(table), given.text))}
            empty={
              <Nothing place="tables" given={given}>
                <p>There is no table yet. The first artifact with a hint creates one:</p>
                <Command text="npx quantbot-bus submit my.parquet --producer me --kind trades --schema-hint canon.trades" />
              </Nothing>
            }
            keyOf={({ name }) => name}
            columns={[
              {
                head: 'Table',
                cell: ({ name }) => <a href={listLink(['tables', name], { asOf })}>canon.{name}</a>,
                sortBy: ({ name }) => name,
              },
              {
                head: 'Last commit',
                cell: ({ lastCommittedAt }) => (lastCommittedAt === null ? 'none' : <Time at={lastCommittedAt} />),
                sortBy: ({ lastSeq }) => lastSeq,
              },
              {
                head: 'Rows submitted',
                isNumber: true,
                cell: ({ artifactRows }) => count(artifactRows),
                sortBy: ({ artifactRows }) => artifactRows,
              },
              {
                head: 'Artifacts',
                isNumber: true,
                isMinor: true,
                cell: ({ artifacts }) => count(artifacts),
                sortBy: ({ artifacts }) => artifacts,
              },
              {
                head: 'Columns',
                isNumber: true,
                isMinor: true,
                cell: ({ columns }) => columns && count(columns.length),
              },
              { head: 'Mode', isMinor: true, cell: ({ mode }) => mode, sortBy: ({ mode }) => mode },
            ]}
          />
        )}
      </Shown>
    </>
  );
}

/** A canonical table: its columns and their history, its export, and some of its rows. */
export function Table({ name }: { name: string }) {
  const [restores, setRestores] = useState(0);
  const tables = useTables(restores);
  return (
    <>
      <Title>canon.{name}</Title>
      <Shown asked={tables}>
        {data => {
          const found = data.tables.find(table => table.name === name);
          return (
            <>
              {found === undefined ? <p class="quiet">There is no such table.</p> : <About table={found} />}
              <TableActions name={name} isThere={found !== undefined} onRestored={() => setRestores(restores + 1)} />
              {found !== undefined && <Content name={name} />}
            </>
          );
        }}
      </Shown>
    </>
  );
}

/** The history of a table's columns, some of its rows, and their profile. */
function Content({ name }: { name: string }) {
  const history = useAsked(
    signal => get<{ changes: TableChange[] }>(`/tables/${encodeURIComponent(name)}/history`, {}, signal),
    [name],
    'jobs',
  );
  const table = `FROM canon."${name.replaceAll('"', '""')}"`;
  const sql = `${table} LIMIT 50`;
  const asOf = useAsOf(['tables', name]);
  const rows = useKept(useAsked(signal => post<Answer>('/query', { sql, asOf }, signal), [sql, asOf], 'jobs'));
  return (
    <>
      <AsOf place={['tables', name]} />
      {asOf !== undefined && <Past name={name} asOf={asOf} />}
      <Section title="History of its columns">
        <Shown asked={history}>{({ changes }) => <History changes={changes} />}</Shown>
      </Section>
      <Section title="Some rows" aside={<a href={linkTo('query', sql)}>As SQL</a>}>
        <Shown asked={rows}>{answer => <AnswerTable caption={`Rows of canon.${name}`} answer={answer} />}</Shown>
        {asOf === undefined && (
          <>
            <Download sql={table} name="Parquet" />
            <Download sql={table} name="Arrow" />
          </>
        )}
      </Section>
      {asOf === undefined && <Profile ask={signal => get<Answer>('/profile', { table: name }, signal)} />}
    </>
  );
}

/** How many rows a table had. */
function Past({ name, asOf }: { name: string; asOf: number }) {
  const sql = `SELECT count(*) FROM canon."${name.replaceAll('"', '""')}"`;
  const ask = async (signal: AbortSignal) => {
    const { rows } = await post<Answer>('/query', { sql, asOf }, signal);
    return { seq: asOf, rows: Number(rows[0]?.[0]) };
  };
  return (
    <Shown asked={useKept(useAsked(ask, [sql, asOf]))}>
      {({ seq, rows }) => <Facts facts={{ [`Rows as of seq ${count(seq)}`]: count(rows) }} />}
    </Shown>
  );
}

function About({ table }: { table: TableOf }) {
  const exports = useAsked(signal => get<{ exports: Export[] }>('/exports', {}, signal), ['exports'], 'exports');
  const { busRoot = '', duckdbPath = null } = useLive().status ?? {};
  const golden = exports.data?.exports.find(({ name }) => name === table.name);
  return (
    <>
      <Facts
        facts={{
          Mode: table.mode + (table.key.length > 0 ? ` by ${table.key.join(', ')}` : ''),
          Artifacts: count(table.artifacts),
          'Rows submitted': count(table.artifactRows),
          'Rows in the table': <RowsNow table={table} />,
          'Last job': table.lastSeq === 0 ? 'none' : `seq ${count(table.lastSeq)}`,
          'Golden export': golden === undefined ? 'none' : <State state={stateOf(golden)} />,
          ...(golden !== undefined && { File: <ExportFile golden={golden} /> }),
        }}
      />
      <HowToRead ways={tableWays(table.name, busRoot, duckdbPath)} />
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

/** The rows that a query sees: without those that the mode of the table replaces or removes. */
function RowsNow({ table: { name, lastSeq } }: { table: TableOf }) {
  const sql = `SELECT count(*) FROM canon."${name}"`;
  const asked = useAsked(signal => post<Answer>('/query', { sql }, signal), [sql, lastSeq]);
  if (asked.data === undefined) return <>{asked.error === undefined ? '…' : 'unknown'}</>;
  return <>{count(Number(asked.data.rows[0]?.[0]))}</>;
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

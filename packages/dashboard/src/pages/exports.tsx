import { useAsked } from '../ask.js';
import { type Export, get } from '../client.js';
import { Command } from '../parts/copy.js';
import { type Filter, Filters, Nothing } from '../parts/filters.js';
import { Shown, State, Time, Title } from '../parts/parts.js';
import { Table } from '../parts/table.js';
import { useFilters } from '../route.js';
import { bytes, count, duration, hasWords } from '../words.js';

/** The state of an export in one word. */
export function stateOf({ ok, upToDate }: Export): string {
  if (ok === false) return 'failed';
  if (ok === null) return 'pending';
  return upToDate ? 'fresh' : 'behind';
}

/** The place of a golden export, and its download if it is one file. */
export function ExportFile({ golden: { name, path } }: { golden: Export }) {
  return (
    <>
      <code>{path}</code>{' '}
      {path.endsWith('.parquet') && (
        <a href={`/exports/${encodeURIComponent(name)}.parquet`} download={`${name}.parquet`}>
          Download
        </a>
      )}
    </>
  );
}

const filters: readonly Filter[] = [{ name: 'text', label: 'Name' }];

/** The order of states: failing ones first. */
const urgency = (entry: Export): number => ['failed', 'behind', 'pending', 'fresh'].indexOf(stateOf(entry));

/** The golden exports, their freshness and their errors. */
export function Exports() {
  const asked = useAsked(signal => get<{ exports: Export[] }>('/exports', {}, signal), ['exports'], 'exports');
  const [given] = useFilters('exports');
  return (
    <>
      <Title>Golden exports</Title>
      <Filters place="exports" filters={filters} />
      <Shown asked={asked}>
        {({ exports }) => (
          <Table
            caption="Golden exports"
            place="exports"
            rows={exports.filter(({ name }) => hasWords(name, given.text))}
            empty={
              <Nothing place="exports" given={given}>
                <p>No export was written yet. A canonical table has one as soon as an artifact has its hint:</p>
                <Command text="npx quantbot-bus submit my.parquet --producer me --kind trades --schema-hint canon.trades" />
              </Nothing>
            }
            keyOf={({ name }) => name}
            columns={[
              { head: 'Export', cell: ({ name }) => name, sortBy: ({ name }) => name },
              { head: 'State', cell: entry => <State state={stateOf(entry)} />, sortBy: urgency },
              {
                head: 'Written',
                cell: ({ writtenAt }) => (writtenAt === null ? '–' : <Time at={writtenAt} />),
                sortBy: ({ writtenAt }) => writtenAt ?? '',
              },
              {
                head: 'Rows',
                isNumber: true,
                cell: ({ rows }) => rows !== null && count(rows),
                sortBy: ({ rows }) => rows ?? 0,
              },
              { head: 'Last error', cell: ({ error }) => error !== null && <div class="long">{error}</div> },
              {
                head: 'As of seq',
                isNumber: true,
                isMinor: true,
                cell: ({ asOfSeq }) => asOfSeq !== null && count(asOfSeq),
              },
              {
                head: 'Size',
                isNumber: true,
                isMinor: true,
                cell: entry => entry.bytes !== null && bytes(entry.bytes),
                sortBy: entry => entry.bytes ?? 0,
              },
              {
                head: 'Took',
                isNumber: true,
                isMinor: true,
                cell: ({ durationMs }) => durationMs !== null && duration(durationMs),
                sortBy: ({ durationMs }) => durationMs ?? 0,
              },
              { head: 'File', isMinor: true, cell: entry => <ExportFile golden={entry} /> },
            ]}
          />
        )}
      </Shown>
    </>
  );
}

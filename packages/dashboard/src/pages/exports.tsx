import { useAsked } from '../ask.js';
import { type Export, get } from '../client.js';
import { Shown, State, Time, Title } from '../parts/parts.js';
import { Table } from '../parts/table.js';
import { bytes, count, duration } from '../words.js';

/** The state of an export in one word. */
export function stateOf({ ok, upToDate }: Export): string {
  if (ok === false) return 'failed';
  if (ok === null) return 'pending';
  return upToDate ? 'fresh' : 'behind';
}

/** The golden exports, their freshness and their errors. */
export function Exports() {
  const asked = useAsked(signal => get<{ exports: Export[] }>('/exports', {}, signal), ['exports'], 'exports');
  return (
    <>
      <Title>Golden exports</Title>
      <Shown asked={asked}>
        {({ exports }) => (
          <Table
            caption="Golden exports"
            rows={exports}
            keyOf={({ name }) => name}
            columns={[
              { head: 'Export', cell: ({ name }) => name },
              { head: 'State', cell: entry => <State state={stateOf(entry)} /> },
              { head: 'Written', cell: ({ writtenAt }) => (writtenAt === null ? '–' : <Time at={writtenAt} />) },
              { head: 'As of seq', isNumber: true, cell: ({ asOfSeq }) => asOfSeq !== null && count(asOfSeq) },
              { head: 'Rows', isNumber: true, cell: ({ rows }) => rows !== null && count(rows) },
              { head: 'Size', isNumber: true, cell: entry => entry.bytes !== null && bytes(entry.bytes) },
              { head: 'Took', isNumber: true, cell: ({ durationMs }) => durationMs !== null && duration(durationMs) },
              { head: 'File', cell: ({ path }) => <code>{path}</code> },
              { head: 'Last error', cell: ({ error }) => error },
            ]}
          />
        )}
      </Shown>
    </>
  );
}

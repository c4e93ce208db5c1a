import { useAsked } from '../ask.js';
import { get, type Space as SpaceOf } from '../client.js';
import { Facts, Section, Shown, Title } from '../parts/parts.js';
import { Table } from '../parts/table.js';
import { bytes, count } from '../words.js';

/** Who uses the store, and how fast it grows. */
export function Space() {
  const asked = useAsked(signal => get<SpaceOf>('/space', {}, signal), ['space'], 'jobs');
  return (
    <>
      <Title>Space</Title>
      <Shown asked={asked}>
        {({ total, disk, producers, kinds, tables }) => (
          <>
            <Facts
              facts={{
                Artifacts: count(total.artifacts),
                Stored: bytes(total.bytes),
                'In the last day': bytes(total.lastDayBytes),
                'In the last week': bytes(total.lastWeekBytes),
                ...(disk !== null && {
                  'Free on the disk': disk.freeBytes === null ? 'unknown' : bytes(disk.freeBytes),
                  'Kept free': bytes(disk.minFreeBytes),
                }),
              }}
            />
            <Uses title="Producers" head="Producer" uses={producers} />
            <Uses title="Kinds" head="Kind" uses={kinds} />
            <Uses title="Canonical tables" head="Table" uses={tables} />
          </>
        )}
      </Shown>
    </>
  );
}

function Uses({ title, head, uses }: { title: string; head: string; uses: SpaceOf['producers'] }) {
  return (
    <Section title={title}>
      <Table
        caption={title}
        empty="There are none yet."
        rows={uses}
        keyOf={({ name }) => name}
        columns={[
          { head, cell: ({ name }) => name },
          { head: 'Artifacts', isNumber: true, cell: ({ artifacts }) => count(artifacts) },
          { head: 'Bytes', isNumber: true, cell: use => bytes(use.bytes) },
          { head: 'Last day', isNumber: true, cell: ({ lastDayBytes }) => bytes(lastDayBytes) },
          { head: 'Last week', isNumber: true, cell: ({ lastWeekBytes }) => bytes(lastWeekBytes) },
        ]}
      />
    </Section>
  );
}

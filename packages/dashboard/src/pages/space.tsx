import { useAsked } from '../ask.js';
import { get, type Space as SpaceOf } from '../client.js';
import { Facts, Section, Shown, Title } from '../parts/parts.js';
import { Table } from '../parts/table.js';
import { linkTo, listLink } from '../route.js';
import { bytes, count } from '../words.js';
import { FirstJob } from './jobs.js';

/** The server lists so many producers, kinds and tables. */
const maxListed = 20;

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
            {total.artifacts === 0 && <FirstJob />}
            <Uses title="Producers" uses={producers} link={name => listLink('artifacts', { producer: name })} />
            <Uses title="Kinds" uses={kinds} link={name => listLink('artifacts', { kind: name })} />
            <Uses title="Canonical tables" uses={tables} link={name => linkTo('tables', name)} prefix="canon." />
          </>
        )}
      </Shown>
    </>
  );
}

interface UsesProps {
  title: string;
  /** The largest ones. */
  uses: SpaceOf['producers'];
  link(name: string): string;
  prefix?: string;
}

function Uses({ title, uses, link, prefix = '' }: UsesProps) {
  return (
    <Section title={title} aside={uses.length === maxListed && <span class="quiet">the {maxListed} largest</span>}>
      <Table
        caption={title}
        empty="There are none yet."
        rows={uses}
        keyOf={({ name }) => name}
        columns={[
          {
            head: 'Name',
            cell: ({ name }) => (
              <a href={link(name)}>
                {prefix}
                {name}
              </a>
            ),
          },
          { head: 'Artifacts', isNumber: true, cell: ({ artifacts }) => count(artifacts) },
          { head: 'Bytes', isNumber: true, cell: use => bytes(use.bytes) },
          { head: 'Last day', isNumber: true, cell: ({ lastDayBytes }) => bytes(lastDayBytes) },
          { head: 'Last week', isNumber: true, cell: ({ lastWeekBytes }) => bytes(lastWeekBytes) },
        ]}
      />
    </Section>
  );
}

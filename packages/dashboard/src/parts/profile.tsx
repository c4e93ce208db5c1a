import { useState } from 'preact/hooks';
import { type Asked, useAsked } from '../ask.js';
import type { Answer } from '../client.js';
import { count } from '../words.js';
import { Section, Shown } from './parts.js';
import { Table } from './table.js';

/** What DuckDB's SUMMARIZE says of each column, in the order that {@link Profile} reads. */
export const profileOf = (from: string): string =>
  `SELECT column_name, column_type, null_percentage, approx_unique, min, max, avg FROM (SUMMARIZE ${from})`;

interface Props {
  ask(signal: AbortSignal): Promise<Answer>;
}

/** NULLs, distinct values, minimum, maximum and average of each column, once a user asks for it. */
export function Profile({ ask }: Props) {
  const [isWanted, setIsWanted] = useState(false);
  return (
    <Section title="Profile of the columns">
      {isWanted ? (
        <Loaded ask={ask} />
      ) : (
        <p>
          <button type="button" onClick={() => setIsWanted(true)}>
            Profile
          </button>{' '}
          <span class="quiet">It reads every row, for at most 10 s.</span>
        </p>
      )}
    </Section>
  );
}

function Loaded({ ask }: Props) {
  const asked: Asked<Answer> = useAsked(ask, []);
  return (
    <Shown asked={asked}>
      {({ rows }) => (
        <Table
          caption="Profile of the columns"
          rows={rows.map(row => row.map(value => (value === null ? null : String(value))))}
          columns={[
            { head: 'Column', cell: ([name]) => name },
            { head: 'Type', isMinor: true, cell: ([, type]) => <code>{type}</code> },
            { head: 'NULL', isNumber: true, cell: ([, , nulls]) => `${Number(nulls)} %` },
            { head: 'Distinct, about', isNumber: true, cell: row => count(Number(row[3])) },
            { head: 'Least', cell: row => <div class="long">{row[4]}</div> },
            { head: 'Greatest', cell: row => <div class="long">{row[5]}</div> },
            { head: 'Average', isMinor: true, cell: row => row[6] },
          ]}
        />
      )}
    </Shown>
  );
}
